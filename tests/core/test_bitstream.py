"""What the stream gives back is what went in, bit for bit, for every code and shape."""

import contextlib

import numpy as np
import pytest

from workbench.core.affine import encode as on_grid
from workbench.core.affine import grid_of, quantize
from workbench.core.bitstream import Place, decode, encode
from workbench.core.coder_kernels import SQUASHED, STRETCHED
from workbench.core.codes import Affine, Codebook, LowRank
from workbench.core.cost import tensor_sizes
from workbench.core.errors import UserError
from workbench.core.tensor import CompressedTensor

SHAPES = [(), (0,), (0, 3), (1,), (1, 1), (7,), (5, 1), (3, 3, 4, 6), (3, 3, 8, 1)]


def floats(shape, sparsity=0.0, seed=0):
    rng = np.random.default_rng(seed)
    tensor = CompressedTensor.of(rng.normal(size=shape).astype(np.float32))
    if sparsity:
        tensor = tensor.masked(np.asarray(rng.random(shape) >= sparsity))
    return tensor


def grid(shape, bits, sparsity=0.0, *, symmetric=True, seed=0):
    tensor = floats(shape, sparsity, seed)
    axes = (len(shape) - 1,) if shape else ()
    found = grid_of(tensor.dense, bits, is_symmetric=symmetric, channel_axes=axes)
    q = quantize(np.atleast_1d(tensor.dense), found).reshape(shape)
    return tensor.coded(on_grid(q, found))


def table(shape, bits, sparsity=0.0, *, is_per_channel=False):
    rng = np.random.default_rng(3)
    leading = (*(1,) * (len(shape) - 1), shape[-1]) if shape and is_per_channel else ()
    leading = leading or (1,) * len(shape)
    centroids = rng.normal(size=(*leading, 2**bits)).astype(np.float32)
    indexes = np.asarray(rng.integers(0, 2**bits, shape), np.uint8)
    return floats(shape, sparsity).coded(Codebook(indexes, centroids, bits))


def product(*factors, shape):
    code = LowRank(factors, shape)
    return CompressedTensor(code.decode(), None, code)


def assert_comes_back(*tensors):
    places = [Place(tensor.dense.shape) for tensor in tensors]
    back = decode(encode(tensors), places)
    for before, after in zip(tensors, back, strict=True):
        assert isinstance(after, CompressedTensor)
        assert after.dense.shape == before.dense.shape
        assert after.dense.tobytes() == before.dense.tobytes()
        assert type(after.code) is type(before.code)
        assert after.bits == before.bits
        mask = True if after.mask is None else after.mask
        np.testing.assert_array_equal(
            after.code.decode() * np.float32(mask), after.dense
        )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 1.0])
def test_every_code_comes_back_in_every_shape(shape, sparsity):
    assert_comes_back(
        floats(shape, sparsity),
        grid(shape, 4, sparsity),
        grid(shape, 3, sparsity, symmetric=False),
        table(shape, 2, sparsity),
        table(shape, 1, sparsity, is_per_channel=True),
    )


@pytest.mark.parametrize("bits", [2, 3, 8, 9, 16])
def test_every_width_comes_back(bits):
    assert_comes_back(
        grid((40, 30), bits, 0.3), grid((40, 30), bits, symmetric=False, seed=1)
    )


@pytest.mark.parametrize("bits", [1, 5, 8])
def test_every_table_comes_back(bits):
    assert_comes_back(table((30, 20), bits), table((30, 20), bits, is_per_channel=True))


def test_products_come_back():
    assert_comes_back(
        product(grid((12, 2), 4), floats((2, 9), 0.5), shape=(12, 9)),
        product(
            floats((1, 1, 6, 2)),
            grid((3, 3, 2, 4), 8),
            table((1, 1, 4, 5), 2),
            shape=(3, 3, 6, 5),
        ),
    )


def test_floats_keep_every_bit():
    words = np.array([0, 1 << 31, 1, 0x7F800000, 0x7FC01234, 0xFFFFFFFF], np.uint32)
    for values in (words, words[1:], words[:1].repeat(9), words[1:2].repeat(9)):
        assert_comes_back(CompressedTensor.of(values.view(np.float32)))


def test_other_types_come_back():
    arrays = [
        np.array([1, 2], np.uint32),
        np.arange(7, dtype=np.int64),
        np.array(1.5, np.float16),
        np.zeros((2, 0), np.float64),
        np.array([True, False]),
    ]
    places = [Place(array.shape, array.dtype.name) for array in arrays]
    for before, after in zip(arrays, decode(encode(arrays), places), strict=True):
        assert isinstance(after, np.ndarray)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("seed", range(20))
def test_random_networks_come_back(seed):
    rng = np.random.default_rng(seed)
    tensors = []
    for _ in range(rng.integers(1, 6)):
        shape = tuple(rng.integers(1, 9, rng.integers(0, 5)).tolist())
        sparsity, bits = float(rng.random()), int(rng.integers(2, 9))
        tensors += [
            floats(shape, sparsity, seed),
            grid(shape, bits, sparsity, symmetric=bool(rng.integers(2)), seed=seed),
            table(shape, bits, sparsity, is_per_channel=bool(rng.integers(2))),
        ]
    assert_comes_back(*tensors)


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_independent_symbols_take_their_entropy(sparsity, bits):
    # At random places and of one scale: nothing that a coder could learn but counts.
    tensor = floats((500, 400), sparsity)
    found = grid_of(tensor.dense, bits, is_symmetric=True)
    tensor = tensor.coded(on_grid(quantize(tensor.dense, found), found))
    # The formula adds 16 bits for each value in use; the coder stores no frequencies.
    values = np.unique(tensor.dense).size - 1
    ideal = tensor_sizes(tensor).entropy - 2 * values
    # It learns them, and how many of each column are zero.
    learned = 0.5 * (values + 100)
    assert 0.995 * ideal < len(encode([tensor])) < 1.005 * ideal + learned


def test_a_small_kernel_is_not_all_tables():
    tensor = grid((3, 3, 1, 8), 4, 0.5)
    assert isinstance(tensor.code, Affine)
    tables = tensor.code.table_bits / 8
    symbols = np.unique((tensor.code.q * (tensor.dense != 0)), return_counts=True)[1]
    ideal = -(symbols * np.log2(symbols / symbols.sum())).sum() / 8
    assert len(encode([tensor])) < ideal + tables + 20


def test_dead_rows_and_columns_are_learned():
    tensor = floats((200, 200))
    rng = np.random.default_rng(0)
    chance = np.outer(rng.random(200) < 0.5, rng.random(200) < 0.5) * 0.4
    tensor = tensor.masked(rng.random((200, 200)) < chance)
    found = grid_of(tensor.dense, 4, is_symmetric=True)
    tensor = tensor.coded(on_grid(quantize(tensor.dense, found), found))
    assert len(encode([tensor])) < 0.8 * tensor_sizes(tensor).entropy


def test_the_tables_are_the_same_on_every_machine():
    # Far from a tie, the last digit of an exponential cannot change a whole number.
    squashed = 65536 / (1 + np.exp(-np.arange(-2047, 2048) / 256))
    places = np.arange(4096)
    stretched = 256 * np.log((places + 0.5) / (4095.5 - places))
    for exact, table in ((squashed, SQUASHED), (stretched, STRETCHED)):
        assert np.abs(np.abs(exact - np.floor(exact)) - 0.5).min() > 1e-9
        np.testing.assert_array_equal(np.rint(exact), table)


def test_whatever_is_damaged_is_refused_or_stays_within_its_widths():
    tensors = [
        grid((20, 10), 4, 0.5),
        table((20, 10), 3),
        floats((9, 9), 0.3),
        product(floats((12, 2)), floats((2, 9)), shape=(12, 9)),
    ]
    content = encode(tensors)
    places = [Place(tensor.dense.shape) for tensor in tensors]
    shapes = [place.shape for place in places]
    rng = np.random.default_rng(0)
    for _ in range(300):
        bad = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            bad[rng.integers(len(bad))] = rng.integers(256)
        bad = bytes(bad[: rng.integers(1, len(bad) + 1)])
        with np.errstate(all="ignore"), contextlib.suppress(UserError):
            values = decode(bad, places)
            arrays = [v.dense if isinstance(v, CompressedTensor) else v for v in values]
            assert [array.shape for array in arrays] == shapes


def test_what_a_stream_cannot_tell_of_is_refused_before_there_is_memory_for_it():
    content = encode([floats((3, 3))])
    with pytest.raises(UserError, match="damaged"):
        decode(content, [Place((1 << 20, 1 << 20))])
    for bad in (b"", content + bytes(9), content[:3]):
        with pytest.raises(UserError, match="damaged"):
            decode(bad, [Place((3, 3))])


def test_integers_are_checked_against_their_grid():
    tensor = grid((30, 30), 8)
    assert isinstance(tensor.code, Affine)
    narrow = Affine(tensor.code.q, tensor.code.scale, tensor.code.zero_point, 2, True)
    content = encode([CompressedTensor(narrow.decode(), None, narrow)])
    with pytest.raises(UserError, match="damaged"):
        decode(content, [Place((30, 30))])
