"""The pictures of the methods' pages are drawn from real runs, here of small sizes."""

from __future__ import annotations

import importlib.util
import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "examples" / "python"
#: Pictures whose pages show larger runs than a test should wait for.
SMALLER = {"multiscale_sinkhorn": {"count": 400, "least": 1e-2}}


@pytest.fixture(scope="module")
def pictures():
    if not (FOLDER / "method_pictures.py").exists():
        pytest.skip("without the examples")
    pytest.importorskip("matplotlib")
    pytest.importorskip("PIL")
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location(
            "method_pictures", FOLDER / "method_pictures.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    return module


def test_every_picture_shows_something(pictures, tmp_path, capsys):
    from matplotlib import pyplot

    names = [draw.__name__ for draw in pictures.PICTURES]
    assert len(set(names)) == len(names) and set(SMALLER) <= set(names)
    for draw in pictures.PICTURES:
        figure = draw(**SMALLER.get(draw.__name__, {}))
        for plot in figure.axes:
            assert plot.has_data(), draw.__name__
        path = tmp_path / f"{draw.__name__}.png"
        pictures.write(figure, path)
        assert path.read_bytes().startswith(b"\x89PNG"), draw.__name__
        pyplot.close(figure)
    assert capsys.readouterr().out.count("wrote ") == len(names)


def test_every_picture_is_on_a_page(pictures):
    pages = FOLDER.parents[1] / "docs"
    text = "".join(path.read_text() for path in sorted((pages / "methods").glob("*.md")))
    for draw in pictures.PICTURES:
        assert (pages / "pictures" / f"{draw.__name__}.png").exists()
        assert f"pictures/{draw.__name__}.png" in text


def test_only_what_is_asked_for_is_drawn(pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["method_pictures.py", str(tmp_path), "gaussians"])
    pictures.main()
    assert [path.name for path in tmp_path.iterdir()] == ["gaussians.png"]
    assert capsys.readouterr().out.startswith("wrote ")
