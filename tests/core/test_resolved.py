"""The resolved recipe says what was done, and enough to do it again."""

import json

import numpy as np

from workbench.core.affine import Grid, encode
from workbench.core.compress import compress
from workbench.core.network import Network, array_digest
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.resolved import library_versions, resolve
from workbench.core.tensor import Site

RNG = np.random.default_rng(0)
WEIGHTS = {
    "a/kernel": RNG.normal(size=(30, 5)).astype(np.float32),
    "b/kernel": RNG.normal(size=(4, 3)).astype(np.float32),
}
SITES = (
    Site("a/kernel", "dense", (30, 5), (1,)),
    Site("b/kernel", "dense", (4, 3), (1,), reason="doctor.empty"),
)
RECIPE = Recipe(
    (
        Plan("*", (Choice.of("magnitude", sparsity=0.6, scope="global"),)),
        Plan("a/*", (Choice.of("uniform", bits=4),)),
    ),
    seed=5,
)


def resolved():
    network = compress(SITES, WEIGHTS, RECIPE, digests=dict.fromkeys(WEIGHTS, "d"))
    grid = Grid(np.array([0.1], np.float32), np.array([3], np.int32), 8, False)
    network = Network(
        network.tensors, network.digests, {"a/output": grid}, network.skipped
    )
    found = resolve(
        RECIPE, network, model="toy", hashes={"model": "m"}, weights=WEIGHTS
    )
    return network, json.loads(found.dumps())


def test_every_level_is_there():
    network, found = resolved()
    level, skipped = found["tensors"]
    tensor = network.tensors["a/kernel"]
    assert level["path"] == "a/kernel"
    assert level["shape"] == [30, 5]
    assert level["nonzeros"] == np.count_nonzero(tensor.dense)
    assert level["sparsity"] == tensor.sparsity
    assert level["bits"] == 4
    assert level["sha256"] == array_digest(tensor.dense)
    kept = np.abs(WEIGHTS["a/kernel"])[tensor.mask]
    assert np.float32(level["threshold"]) == kept.min()
    assert [step["step"] for step in level["steps"]] == ["magnitude", "uniform"]
    assert level["steps"][0]["scope"] == "global"
    assert level["steps"][1]["granularity"] == "channel"
    assert skipped["bits"] == 32
    assert skipped["steps"] == []
    assert skipped["threshold"] is None
    assert "scale" not in skipped


def test_the_scales_are_exact():
    network, found = resolved()
    level = found["tensors"][0]
    code = network.tensors["a/kernel"].code
    scale = np.array(level["scale"], np.float32).reshape(level["scale_shape"])
    zero_point = np.array(level["zero_point"], np.int32).reshape(scale.shape)
    again = encode(code.q, Grid(scale, zero_point, level["bits"], level["symmetric"]))  # type: ignore[union-attr]
    np.testing.assert_array_equal(again.decode(), code.decode())
    place = found["activations"][0]
    assert (place["path"], place["bits"]) == ("a/output", 8)
    assert np.float32(place["scale"][0]) == np.float32(0.1)
    assert place["zero_point"] == [3]


def test_wish_origin_and_what_was_skipped():
    network, found = resolved()
    assert found["model"] == "toy"
    assert Recipe.from_json(found["recipe"]) == RECIPE
    assert found["hashes"] == {"model": "m", "network": network.digest}
    assert {"python", "numpy", "keras", "tensorflow"} <= set(found["versions"])
    assert found["skipped"][0] == {
        "path": "b/kernel",
        "step": "magnitude",
        "reason": "doctor.empty",
    }
    assert found["is_retrained"] is False
    assert "*" not in json.dumps(found["tensors"])


def test_without_the_weights_there_is_no_threshold():
    network, _ = resolved()
    retrained = Network(network.tensors, network.digests, is_retrained=True)
    found = resolve(RECIPE, retrained, model="toy", hashes={}).to_json()
    assert found["tensors"][0]["threshold"] is None
    assert found["is_retrained"] is True


def test_versions_name_what_is_installed():
    assert library_versions()["numpy"] == np.__version__
