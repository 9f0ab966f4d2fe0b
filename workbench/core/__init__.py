"""The numeric core: arrays and frozen values, no Keras and no screen."""
