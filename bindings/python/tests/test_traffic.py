"""The road network of Sioux Falls: equilibrium flows against the published ones."""

import importlib.util
import pathlib

import numpy as np
import pytest

EXAMPLE = pathlib.Path(__file__).resolve().parents[3] / "examples" / "python" / "traffic.py"
#: Of the first roads, and the potential of the best known flows, in 1e5.
FLOWS = [4494.6576464564205, 8119.079948047809, 4519.079948047809, 5967.3363961713767,
         8094.6576464564205, 14006.371019862527, 10022.319615163622]
POTENTIAL = 42.31335287107440


@pytest.fixture(scope="module")
def traffic():
    if not EXAMPLE.exists():
        pytest.skip("without the examples")
    spec = importlib.util.spec_from_file_location("traffic", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sioux_falls_has_its_published_flows(traffic):
    roads, capacity, free, trips = traffic.read()
    assert len(roads) == 76 and trips.sum() * traffic.UNIT == pytest.approx(360600)
    link, gap = traffic.assign(roads, capacity, free, trips)
    assert gap <= 1e-9
    potential = free @ (link + 0.03 * link**5 / capacity**4) * traffic.UNIT / 1e5
    assert potential == pytest.approx(POTENTIAL, rel=1e-9)
    np.testing.assert_allclose(link[: len(FLOWS)] * traffic.UNIT, FLOWS, rtol=1e-4)
