"""Settings that every test shares."""

import os
import sys
from collections.abc import Iterator

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


@pytest.fixture(scope="session", autouse=True)
def converted_at_once() -> Iterator[None]:
    """Conversions to ``.tflite`` do not load TensorFlow for each file."""
    from tests.export.at_once import run_child

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.export.convert.run_child", run_child)
        yield


# What takes longest begins first, so that two workers end together; what is quick,
# such as `core`, is left for the end.
FIRST = (
    *("browser", "notebooks", "export", "chain", "bench", "peers"),
    *("session", "tests", "engine", "panels", "bad_inputs"),
)


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
