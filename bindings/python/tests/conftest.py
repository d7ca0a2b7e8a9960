"""What all tests share."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import settings

FULL = os.environ.get("KANTOR_TEST_SET") == "full"
settings.register_profile("fast", derandomize=True, deadline=None, max_examples=30, database=None)
settings.register_profile("full", derandomize=True, deadline=None, max_examples=400, database=None)
settings.load_profile("full" if FULL else "fast")


@pytest.fixture
def rng():
    """Random numbers, the same in every run."""
    return np.random.default_rng(20260101)
