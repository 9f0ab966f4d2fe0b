"""Factors that make the original's outputs of compressed inputs, in closed form."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.core import rank_step
from workbench.core.aims import RELU, After, Aim
from workbench.core.calibration import Bias, Gram
from workbench.core.codes import LowRank
from workbench.core.compress import compress
from workbench.core.in_turn import asking
from workbench.core.low_rank import Spectrum
from workbench.core.rank_step import RankStep
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.svd import Svd
from workbench.methods.tucker import Tucker2

COUNT, INPUTS, OUTPUTS = 4000, 36, 12
RNG = np.random.default_rng(0)
GIVEN = RNG.normal(size=(COUNT, INPUTS)) @ RNG.normal(size=(INPUTS, INPUTS)) + 1
# What earlier layers have lost: some directions, and the mean.
NOW = GIVEN @ np.diag(np.linspace(0.2, 1, INPUTS)) + 0.5 * RNG.normal(size=GIVEN.shape)
WEIGHTS = RNG.normal(size=(INPUTS, OUTPUTS)).astype(np.float32)
AIM = GIVEN @ WEIGHTS
BIAS = Bias("bias")
SHAPES = {"dense": (36, 12), "conv": (2, 2, 9, 12)}


def gram(rows: NDArray[np.float64], aim: Aim | None = None) -> Gram:
    moments = (rows.T @ rows / len(rows)).astype(np.float32)
    mean = rows.mean(0).astype(np.float32)
    return Gram(moments[None], mean[None], len(rows), BIAS, aim)


def site(kind: str = "dense") -> Site:
    shape = SHAPES[kind]
    rows, given = NOW.astype(np.float32)[None], AIM.astype(np.float32)[None]
    aim = Aim(rows, given, np.zeros((1, OUTPUTS), np.float32))
    axes = (len(shape) - 1,)
    seen, now = gram(GIVEN), gram(NOW, aim)
    return Site("a", kind, shape, axes, gram=seen, current=now)


def start(kind: str = "dense") -> CompressedTensor:
    return CompressedTensor.of(WEIGHTS.reshape(SHAPES[kind]))


def error(tensor: CompressedTensor) -> float:
    assert tensor.shift is not None
    made = NOW @ tensor.dense.reshape(INPUTS, OUTPUTS) + tensor.shift
    return float(np.square(made - AIM).sum())


def test_no_product_of_the_rank_makes_more_of_what_comes_in() -> None:
    """Against reduced-rank regression on the rows themselves."""
    made = Svd(rank=0.5).apply(start(), site())
    assert isinstance(made.code, LowRank)
    rank = made.code.factors[0].dense.shape[-1]
    rows, wanted = NOW - NOW.mean(0), AIM - AIM.mean(0)
    whole = np.linalg.lstsq(rows, wanted)[0]
    _, _, right = np.linalg.svd(rows @ whole, full_matrices=False)
    best = whole @ right[:rank].T @ right[:rank]
    assert error(made) < 1.01 * float(np.square(rows @ best - wanted).sum())


@pytest.mark.parametrize("step", [Svd(rank=0.8), Tucker2(rank=0.4), Tucker2(rank=0.8)])
def test_factors_of_a_convolution_make_up_for_what_comes_in(step: RankStep) -> None:
    place = site("conv")
    alone = step.apply(start("conv"), replace(place, current=None))
    made = step.apply(start("conv"), place)
    assert isinstance(made.code, LowRank)
    assert made.code.shape == alone.dense.shape
    assert error(made) < 0.8 * error(alone)


def test_outputs_that_count_more_are_made_better() -> None:
    mix = RNG.normal(size=(OUTPUTS, OUTPUTS)) * np.linspace(0.1, 3, OUTPUTS)
    counts = mix.T @ mix / OUTPUTS + 0.01 * np.eye(OUTPUTS)
    place = site()
    assert place.current is not None
    assert place.current.aim is not None
    aim = replace(place.current.aim, counts=counts)
    counted = replace(place, current=replace(place.current, aim=aim))
    root = np.linalg.cholesky(counts)
    lost: list[float] = []
    for where in (counted, place):
        made = Svd(rank=0.5).apply(start(), where)
        gap = NOW @ made.dense - AIM
        lost.append(float(np.square((gap - gap.mean(0)) @ root).sum()))
    assert lost[0] < 0.8 * lost[1]


@pytest.mark.parametrize(("quick", "times"), [(OUTPUTS, 1 + 1 + 4), (1, 1 + 1)])
def test_a_wide_kernel_is_decomposed_once_for_what_comes_in(
    quick: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = site()
    assert place.current is not None
    assert place.current.aim is not None
    aim = replace(place.current.aim, after=After(RELU))
    seen: list[Gram | None] = []
    real = Svd.decomposed

    def counting(
        step: Svd, values: NDArray[Any], where: Site, gram: Gram | None
    ) -> Spectrum:
        seen.append(gram)
        return real(step, values, where, gram)

    monkeypatch.setattr(rank_step, "_QUICK", quick)
    monkeypatch.setattr(Svd, "decomposed", counting)
    active = replace(place, current=replace(place.current, aim=aim))
    Svd(rank=0.5).apply(start(), active)
    assert len(seen) == times


def test_a_kernel_that_stays_whole_makes_up_for_it_as_well() -> None:
    whole = len(Svd().decomposed(WEIGHTS, site(), None).offers[0]) - 1
    made = Svd(rank=0.5, place=whole).apply(start(), site())
    assert not isinstance(made.code, LowRank)
    assert error(made) < 0.5 * error(replace(start(), shift=np.zeros(OUTPUTS)))


def test_plain_factors_mind_no_inputs() -> None:
    step = Svd(rank=0.5).plain()
    made = step.apply(start(), site())
    bare = replace(site(), gram=None, current=None)
    np.testing.assert_array_equal(made.dense, step.apply(start(), bare).dense)


def test_what_is_done_to_the_factors_keeps_the_mean_that_was_aimed_at() -> None:
    later = (Choice.of("magnitude", sparsity=0.4), Choice.of("uniform", bits=5))
    for steps in ((), later):
        recipe = Recipe((Plan("*", (Choice.of("svd", rank=0.6), *steps)),))
        network = compress(
            [site()],
            {"a": WEIGHTS},
            recipe,
            digests={"a": "a"},
            biases={"bias": np.zeros(OUTPUTS, np.float32)},
        )
        tensor = network.tensors["a"]
        assert isinstance(tensor.code, LowRank)
        assert network.others is not None
        gap = NOW @ tensor.dense + network.others["bias"] - AIM
        np.testing.assert_allclose(gap.mean(0), 0, atol=2e-2)


@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        (Choice.of("svd", rank=0.5), ["a"]),
        (Choice.of("svd", rank=0.5, data_aware=False), []),
        (Choice.of("svd", rank=1.0), []),
        (Choice.of("tucker", rank=0.5), []),
    ],
)
def test_products_that_follow_what_is_seen_are_made_in_turn(
    choice: Choice, asked: list[str]
) -> None:
    recipe = Recipe((Plan("*", (choice, Choice.of("magnitude"))),))
    place = replace(site(), gram=replace(gram(GIVEN), bias=None))
    network = compress([place], {"a": WEIGHTS}, recipe, digests={"a": "a"})
    assert asking(network, [place], recipe) == asked
