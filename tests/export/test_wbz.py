"""A ``.wbz`` file gives the same model back to the last bit, or is refused."""

import json
import struct
import tracemalloc
import zlib
from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import CASES, case, inputs
from tests.export import nets
from workbench.cli import main
from workbench.core.compress import compress
from workbench.core.edit import set_knobs
from workbench.core.errors import UserError
from workbench.core.recipe import Recipe
from workbench.engine.layers import custom_objects, values_of
from workbench.engine.realize import realize
from workbench.engine.shrink import shrink
from workbench.engine.workload import open_workload
from workbench.export.artifact import ExportJob, check_formats, exporters
from workbench.export.wbz import pack, predicted, unpack
from workbench.export.wbz_file import MAGIC, opened, packed


def compressed(workload, sparsity=0.8, bits=4):
    recipe = set_knobs(Recipe(), "magnitude", "*", sparsity=sparsity)
    recipe = set_knobs(recipe, "uniform", "*", bits=bits)
    return compress(workload.sites, workload.weights, recipe, digests=workload.digests)


def said(model, x):
    outputs = keras.tree.flatten(model(x, training=False))
    return [values_of(part).tobytes() for part in outputs]


@pytest.mark.parametrize("name", CASES)
def test_every_form_of_model_comes_back_bit_for_bit(name):
    given = case(name)
    workload = open_workload(given.model, given.data)
    network = compressed(workload)
    small, left = shrink(workload, network)
    model = realize(small, left)
    known = custom_objects(given.model)
    content = pack(model, left, known)
    # Not counted on the way: what closes each tensor's own stream.
    expected = pytest.approx(len(content), rel=0.02, abs=12)
    assert predicted(workload, network).value == expected
    again, _ = unpack(content, known)
    x = inputs(model, given.data, "test")
    assert said(again, x) == said(model, x)


def test_what_a_lookup_has_learned_comes_back():
    lookup = keras.layers.IntegerLookup(name="numbers_known")
    numbers = np.random.default_rng(0).integers(4, 9, (20, 3))
    lookup.adapt(numbers)
    x = keras.Input((3,), dtype="int64", name="numbers")
    y = keras.layers.Embedding(6, 2, name="table")(lookup(x))
    y = keras.layers.Dense(2, name="head")(keras.layers.Flatten()(y))
    workload = open_workload(keras.Model(x, y), None)
    network = compressed(workload)
    model = realize(workload, network)
    content = pack(model, network, {})
    expected = pytest.approx(len(content), rel=0.02, abs=12)
    assert predicted(workload, network).value == expected
    assert said(unpack(content)[0], numbers) == said(model, numbers)


def test_what_is_taken_out_is_predicted_to_take_nothing(tmp_path):
    given = case("residual")
    workload = open_workload(given.model, given.data)
    wish = set_knobs(Recipe(), "structured", "*", sparsity=0.6, score="norm")
    network = compress(workload.sites, workload.weights, wish, digests=workload.digests)
    artifact = exporters["wbz"](ExportJob(workload, network, wish, tmp_path))
    expected = pytest.approx(artifact.bytes.value, rel=0.02, abs=12)
    assert predicted(workload, network).value == expected


def test_the_exporter_says_what_the_file_takes(tmp_path):
    wish = nets.recipe(activation_bits=8)
    network = nets.network(wish)
    artifact = exporters["wbz"](ExportJob(nets.workload(), network, wish, tmp_path))
    content = artifact.path.read_bytes()
    assert artifact.bytes.value == len(content)
    assert artifact.bytes.provenance == "in file"
    _, grids = unpack(content)
    assert grids.keys() == network.activations.keys()
    for path, grid in network.activations.items():
        assert grids[path].bits == grid.bits
        np.testing.assert_array_equal(grids[path].scale.item(), grid.scale.item())
        assert grids[path].zero_point.item() == grid.zero_point.item()


@pytest.fixture(scope="module")
def whole():
    given = case("dense")
    workload = open_workload(given.model, given.data)
    network = compressed(workload)
    return pack(realize(workload, network), network, {})


def test_the_command_gives_a_keras_file(whole, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LANG", "C")
    file, out = tmp_path / "model.wbz", tmp_path / "model.keras"
    file.write_bytes(whole)
    assert main(["unpack", str(file), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["packed"] == len(whole)
    again: Any = keras.saving.load_model(out)
    x = inputs(again, case("dense").data, "test")
    assert said(again, x) == said(unpack(whole)[0], x)
    assert main(["unpack", str(file), "--out", str(out)]) == 2
    assert main(["unpack", str(file), "--out", str(out), "--force"]) == 0


@pytest.mark.parametrize(
    "words", [[], ["--out", "model.h5"], ["--out", "there.keras", "--nonsense"]]
)
def test_the_command_says_what_it_needs(words, tmp_path, capsys):
    assert main(["unpack", str(tmp_path / "none.wbz"), *words]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def sealed(content):
    """The file with a checksum that is right for what it holds."""
    body = content[len(MAGIC) + 4 :]
    return MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def with_config(whole, change):
    config, grids, stream = opened(whole)
    text = json.dumps(config)
    changed = change(text)
    assert changed != text
    return packed(json.loads(changed), grids, stream)


def bomb(whole):
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = deflater.compress(bytes(1 << 26)) + deflater.flush()
    return sealed(MAGIC + bytes(4) + struct.pack("<I", len(head)) + head)


HOSTILE = {
    "empty": lambda whole: whole[:0],
    "magic": lambda whole: b"PK\3\4" + whole[4:],
    "cut": lambda whole: whole[:-3],
    "only_magic": lambda whole: whole[:6],
    "flipped": lambda whole: whole[:40] + bytes([whole[40] ^ 4]) + whole[41:],
    "longer": lambda whole: sealed(whole + bytes(9)),
    "short_stream": lambda whole: sealed(whole[:-40]),
    "long_head": lambda whole: sealed(whole[:8] + b"\xff" * 4 + whole[12:]),
    "bomb": bomb,
    "huge": lambda whole: with_config(
        whole, lambda text: text.replace('"units": 8', '"units": 8000000000')
    ),
    "other_shape": lambda whole: with_config(
        whole, lambda text: text.replace('"units": 8', '"units": 900')
    ),
    "no_layers": lambda whole: packed({"class_name": "Dense"}, {}, whole[-9:]),
    "code": lambda whole: with_config(
        whole,
        lambda text: text.replace('"class_name": "Dense"', '"class_name": "Lambda"'),
    ),
    "module": lambda whole: with_config(
        whole,
        lambda text: text.replace(
            '"module": "keras.layers", "class_name": "Dense"',
            '"module": "os", "class_name": "system"',
        ),
    ),
    "nonsense": lambda whole: with_config(
        whole, lambda text: text.replace('"units"', '"onions"')
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_damaged_or_hostile_file_is_refused_in_one_sentence(
    name, whole, tmp_path, capsys
):
    file, out = tmp_path / "model.wbz", tmp_path / "model.keras"
    file.write_bytes(HOSTILE[name](whole))
    tracemalloc.start()
    code = main(["unpack", str(file), "--out", str(out)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not out.exists()
    assert peak < 1 << 27
    # What was refused leaves nothing behind that the next model would make.
    assert unpack(whole)[0].count_params() == 131


def test_damage_anywhere_is_refused(whole):
    rng = np.random.default_rng(0)
    for _ in range(200):
        bad = bytearray(whole)
        bad[rng.integers(len(bad))] ^= 1 << rng.integers(8)
        with pytest.raises(UserError):
            opened(bytes(bad[: rng.integers(1, len(bad) + 1)]))


def test_a_model_that_carries_code_is_not_packed():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Lambda(lambda x: x + 1), keras.layers.Dense(2)]
    )
    network = compressed(open_workload(case("dense").model, case("dense").data))
    with pytest.raises(UserError) as caught:
        pack(model, network, {})
    assert caught.value.key == "size.code"
    with pytest.raises(UserError) as caught:
        check_formats(["wbz"], open_workload(model, None), Recipe())
    assert caught.value.key == "size.code"
