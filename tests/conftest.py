"""Settings that every test shares."""

import os
import sys

import pytest
from hypothesis import settings

# TensorFlow reads it once, when first imported; subprocesses inherit it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# No deadline: a busy machine must not fail a test. No chance: a failure repeats.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """New models begin alike, whatever ran before on the same worker."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


# What takes longest begins first, so that two workers end together.
FIRST = ("browser", "notebooks", "chain", "bad_inputs")


@pytest.hookimpl(tryfirst=True)  # Groups are read by what hands them out.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests share a worker, and so do all that drive the one browser."""
    items.sort(key=_turn)
    for item in items:
        group = item.path.parent if _turn(item) == 0 else item.path
        item.add_marker(pytest.mark.xdist_group(str(group)))


def _turn(item: pytest.Item) -> int:
    folder = item.path.parent.name
    return FIRST.index(folder) if folder in FIRST else len(FIRST)
