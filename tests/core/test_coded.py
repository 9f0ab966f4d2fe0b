"""What is predicted of the stream is what is written, within 2 %."""

import numpy as np
import pytest

from tests.core.test_bitstream import floats, grid, product, table
from workbench.core.bitstream import encode
from workbench.core.coded import LARGE, coded_bytes, stream_bytes


@pytest.mark.parametrize("sparsity", [0.0, 0.8, 0.95])
def test_small_tensors_are_predicted(sparsity):
    tensors = [
        floats((40, 30), sparsity),
        grid((60, 50), 4, sparsity),
        grid((3, 3, 8, 16), 8, sparsity, symmetric=False),
        table((60, 50), 3, sparsity),
        product(floats((40, 3)), grid((3, 30), 4), shape=(40, 30)),
    ]
    others = [np.linspace(-1, 1, 50, dtype=np.float32), np.zeros(20, np.float32)]
    written = len(encode([*tensors, *others]))
    assert stream_bytes([*tensors, *others]) == pytest.approx(written, rel=0.02)


@pytest.mark.parametrize("make", ["floats", "grid", "zero_point", "table"])
@pytest.mark.parametrize("sparsity", [0.0, 0.9])
def test_large_tensors_are_predicted_from_some_of_their_rows(make, sparsity):
    shape = (1500, 700)
    tensor = {
        "floats": lambda: floats(shape, sparsity),
        "grid": lambda: grid(shape, 4, sparsity),
        "zero_point": lambda: grid(shape, 4, sparsity, symmetric=False),
        "table": lambda: table(shape, 4, sparsity),
    }[make]()
    assert tensor.dense.size > LARGE
    assert coded_bytes(tensor) == pytest.approx(len(encode([tensor])), rel=0.02)


def test_rows_that_differ_are_seen():
    rng = np.random.default_rng(0)
    tensor = floats((2000, 400))
    tensor = tensor.masked(rng.random((2000, 400)) < np.linspace(0, 0.5, 2000)[:, None])
    assert coded_bytes(tensor) == pytest.approx(len(encode([tensor])), rel=0.02)
