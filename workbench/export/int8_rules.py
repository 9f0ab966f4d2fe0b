"""Which operators LiteRT computes in int8, and on what terms.

Source: LiteRT's 8-bit quantization specification; versions as in its converter.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Grid = tuple[np.float32, int]


class Weighted(NamedTuple):
    """Where an operator takes what, and the version of its int8 kernel."""

    source: int
    weights: int
    bias: int
    axis: int
    version: int


WEIGHTED = {
    "CONV_2D": Weighted(0, 1, 2, 0, 3),
    "DEPTHWISE_CONV_2D": Weighted(0, 1, 2, 3, 3),
    "FULLY_CONNECTED": Weighted(0, 1, 2, 0, 12),
    "TRANSPOSE_CONV": Weighted(2, 1, 3, 0, 3),
}
# Operators whose int8 kernels take any grids, with the kernels' version.
FREE = {
    "ADD": 2,
    "SUB": 3,
    "MUL": 2,
    "MEAN": 2,
    "RELU": 2,
    "RELU6": 2,
    "LEAKY_RELU": 2,
    "PRELU": 1,
    "HARD_SWISH": 1,
}
# Operators that keep the grid of what they are given.
SAME = {
    "BATCH_TO_SPACE_ND": 2,
    "EXPAND_DIMS": 1,
    "MAX_POOL_2D": 2,
    "PAD": 2,
    "RESHAPE": 1,
    "RESIZE_NEAREST_NEIGHBOR": 2,
    "REVERSE_V2": 1,
    "SLICE": 2,
    "SPACE_TO_BATCH_ND": 2,
    "SPLIT": 2,
    "SQUEEZE": 1,
    "STRIDED_SLICE": 2,
    "TRANSPOSE": 2,
}
# Operators that take activations on the output's grid only.
JOINING = {"CONCATENATION": 2, "PACK": 2}
# Operators whose output grid is laid down.
FIXED: dict[str, tuple[int, Grid]] = {
    "SOFTMAX": (2, (np.float32(1 / 256), -128)),
    "LOGISTIC": (2, (np.float32(1 / 256), -128)),
    "TANH": (2, (np.float32(1 / 128), 0)),
}
