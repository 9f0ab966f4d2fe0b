"""Settings that every test shares."""

import os

from hypothesis import settings

# TensorFlow reads it once, when first imported; subprocesses inherit it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# No deadline: a busy machine must not fail a test. No chance: a failure repeats.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
