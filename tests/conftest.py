"""Settings that every test shares."""

import os

import pytest
from hypothesis import settings

# TensorFlow reads it once, when first imported; subprocesses inherit it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# No deadline: a busy machine must not fail a test. No chance: a failure repeats.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: while a browser is driven, an event loop is running.

    A session that finds one works on its lanes instead of inline.
    """
    items.sort(key=lambda item: "browser" in item.path.parts)
