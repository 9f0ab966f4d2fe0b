"""Compressed tensors and their codes keep the law ``decode * mask == dense``."""

import numpy as np

from workbench.core.affine import encode, grid_of, quantize
from workbench.core.codes import Float
from workbench.core.tensor import CompressedTensor, Site

VALUES = np.array([[0.5, -0.25], [0.0, 1.0]], np.float32)
KEEP = np.array([[True, False], [True, True]])


def assert_law(tensor):
    mask = np.ones(tensor.dense.shape, bool) if tensor.mask is None else tensor.mask
    np.testing.assert_array_equal(tensor.code.decode() * mask, tensor.dense)


def test_an_untouched_tensor():
    tensor = CompressedTensor.of(VALUES)
    assert_law(tensor)
    assert tensor.dense is VALUES
    assert (tensor.nonzeros, tensor.sparsity, tensor.bits) == (3, 0.25, 32)
    assert tensor.code.table_bits == 0
    assert CompressedTensor.of(VALUES.tolist()).dense.dtype == np.float32  # type: ignore[arg-type]


def test_masks_add_up():
    once = CompressedTensor.of(VALUES).masked(KEEP)
    twice = once.masked(~KEEP | (VALUES == 1))
    assert_law(once)
    assert_law(twice)
    np.testing.assert_array_equal(twice.mask, [[False, False], [False, True]])
    assert isinstance(twice.code, Float)
    assert twice.nonzeros == 1


def test_coding_keeps_the_mask():
    grid = grid_of(VALUES, 4, is_symmetric=False, channel_axes=(1,))
    tensor = CompressedTensor.of(VALUES).masked(KEEP)
    coded = tensor.coded(encode(quantize(VALUES, grid), grid))
    assert_law(coded)
    assert coded.dense[0, 1] == 0
    assert coded.bits == 4
    assert coded.code.table_bits == 2 * (32 + 4)
    narrow = grid_of(VALUES, 4, is_symmetric=True)
    symmetric = CompressedTensor.of(VALUES).coded(
        encode(quantize(VALUES, narrow), narrow)
    )
    assert symmetric.code.table_bits == 32
    assert symmetric.mask is None


def test_masking_what_is_coded_keeps_the_code():
    grid = grid_of(VALUES, 4, is_symmetric=True)
    coded = CompressedTensor.of(VALUES).coded(encode(quantize(VALUES, grid), grid))
    masked = coded.masked(KEEP)
    assert_law(masked)
    assert masked.code is coded.code


def test_an_empty_tensor_has_no_zeros():
    assert CompressedTensor.of(np.zeros((0, 3), np.float32)).nonzeros == 0


def test_a_site_knows_its_size_and_whether_it_can():
    site = Site("a/kernel", "conv", (3, 3, 2, 4), (3,))
    assert site.parameters == 72
    assert site.can
    assert not Site("a", "other", (), (), reason="doctor.not_float").can
