"""Repair layer after layer, against the closed form."""

from dataclasses import replace

import numpy as np

from workbench.core import in_turn
from workbench.core.aims import Aim
from workbench.core.calibration import Bias, Gram
from workbench.core.compress import compress
from workbench.core.in_turn import repaired_in_turn
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.magnitude import Magnitude
from workbench.methods.reconstruct import Reconstruct
from workbench.methods.uniform import Uniform

RNG = np.random.default_rng(0)
COUNT, INPUTS, OUTPUTS = 600, 6, 4
GIVEN = RNG.normal(size=(COUNT, INPUTS)) @ RNG.normal(size=(INPUTS, INPUTS)) + 1
NOW = 0.7 * GIVEN + 0.4 * RNG.normal(size=(COUNT, INPUTS)) - 0.5
GATES = ("i", "f", "c", "o")
WEIGHTS = RNG.normal(size=(INPUTS, OUTPUTS)).astype(np.float32)


def site(bias):
    now, given = NOW[:, None], GIVEN[:, None]
    current = Gram(
        np.einsum("rgi,rgj->gij", now, now).astype(np.float32) / COUNT,
        now.mean(0).astype(np.float32),
        COUNT,
        bias,
        Aim(
            NOW.astype(np.float32)[None],
            (GIVEN @ WEIGHTS).astype(np.float32)[None],
            np.zeros((1, OUTPUTS), np.float32),
        ),
    )
    own = Gram(
        np.einsum("rgi,rgj->gij", given, given).astype(np.float32) / COUNT,
        given.mean(0).astype(np.float32),
        COUNT,
        bias,
    )
    shape = (INPUTS, OUTPUTS)
    return Site("a", "dense", shape, (1,), gram=own, current=current)


def pruned():
    start = CompressedTensor.of(WEIGHTS)
    return Magnitude(sparsity=0.5, scope="tensor").apply(start, site(None))


def test_what_is_kept_makes_the_original_outputs_of_what_comes_in():
    for bias in (None, Bias("b")):
        tensor = pruned()
        made = Reconstruct(damping=1e-6).apply(tensor, site(bias))
        for output in range(OUTPUTS):
            kept = made.mask[:, output]  # type: ignore[index]
            design = NOW[:, kept]
            if bias is not None:
                design = np.hstack([design, np.ones((COUNT, 1))])
            wanted, *_ = np.linalg.lstsq(design, GIVEN @ WEIGHTS[:, output], rcond=None)
            np.testing.assert_allclose(
                made.dense[kept, output], wanted[: kept.sum()], rtol=1e-3, atol=1e-4
            )
            if bias is not None:
                assert made.shift is not None
                assert abs(made.shift[output] - wanted[-1]) < 1e-3


def test_an_unpruned_kernel_makes_up_for_what_comes_in_as_well():
    start = CompressedTensor.of(WEIGHTS)
    place = site(Bias("b"))
    made = Reconstruct().apply(start, place)
    aim = GIVEN @ WEIGHTS

    def error(tensor):
        shift = 0 if tensor.shift is None else tensor.shift
        return np.square(NOW @ tensor.dense + shift - aim).mean()

    assert error(made) < 0.5 * error(start)
    coded = Uniform(bits=3, range="mse", rounding="feedback").apply(made, place)
    plain = Uniform(bits=3, range="mse").apply(start, place)
    assert error(coded) < 0.5 * error(plain)
    assert made.shift is not None
    assert coded.shift is not None
    gap = (NOW @ coded.dense + coded.shift - aim).mean(0)
    np.testing.assert_allclose(gap, 0, atol=1e-3)


def test_the_original_inputs_are_minded_where_they_are_asked_for():
    own = Reconstruct(inputs="original", support="chosen")
    made = own.apply(pruned(), site(Bias("b")))
    alone = Site("a", "dense", (INPUTS, OUTPUTS), (1,), gram=site(Bias("b")).gram)
    np.testing.assert_array_equal(
        made.dense, Reconstruct().apply(pruned(), alone).dense
    )


class Inputs:
    """Kernel after kernel, each seeing the same."""

    def __init__(self):
        self.turned, self.runs = {}, 0

    def stages(self, paths):
        return [[path] for path in paths]

    def grams(self, stage, network):
        self.runs += 1
        yield
        current = site(Bias("bias")).current
        assert current is not None
        return dict.fromkeys(stage, current)


def test_what_came_of_a_network_is_kept(monkeypatch):
    place = replace(site(Bias("bias")), current=None)
    plan = Plan("*", (Choice.of("magnitude", sparsity=0.5), Choice.of("reconstruct")))
    recipe, inputs = Recipe((plan,)), Inputs()

    def made(sites, previous):
        biases = {"bias": np.zeros(OUTPUTS, np.float32)}
        return compress(
            sites,
            {"a": WEIGHTS},
            recipe,
            digests={"a": "a"},
            biases=biases,
            previous=previous,
        )

    def turned(start):
        work = repaired_in_turn(start, [place], recipe, inputs, made)
        while True:
            try:
                next(work)
            except StopIteration as end:
                return end.value

    start = made([place], None)
    found = turned(start)
    assert found.digest != start.digest
    assert turned(start) is found
    assert inputs.runs == 1
    inputs.turned["older"] = found
    monkeypatch.setattr(in_turn, "_KEPT_WEIGHTS", 1)
    inputs.turned.pop(start.digest)
    turned(start)
    assert list(inputs.turned) == [start.digest]


def test_a_gate_is_repaired_for_what_its_kernel_is_to_make():
    whole = replace(site(Bias("bias")), kind="recurrent", layer="LSTM", gates=GATES)
    biases = {"bias": np.zeros(OUTPUTS, np.float32)}
    prune = Choice.of("magnitude", sparsity=0.5, scope="tensor")
    refit = Choice.of("reconstruct", support="chosen")
    wide = Plan("*", (Choice.of("magnitude", threshold=0.3), refit))
    made = [
        compress(
            [whole],
            {"a": WEIGHTS},
            Recipe(plans),
            digests={"a": "a"},
            biases=biases,
        )
        for plans in ((wide,), (wide, Plan("a[f]", (prune,))))
    ]
    alone, apart = (network.tensors["a"].dense for network in made)
    np.testing.assert_allclose(apart[:, [0, 2, 3]], alone[:, [0, 2, 3]], atol=1e-5)
    assert np.count_nonzero(apart[:, 1]) == INPUTS / 2
