"""Scores: exact in the end, paired on the way, the same from any cut."""

import threading

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.chain.models import CASES, accuracy, case
from workbench.core.compress import activation_grids, compress
from workbench.core.errors import UserError
from workbench.core.measurement import Measurement
from workbench.core.network import Network
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.engine.cache import FIRST
from workbench.engine.calibrator import Calibrator
from workbench.engine.evaluator import Evaluator
from workbench.engine.realize import realize
from workbench.engine.workload import Workload, open_workload

L = keras.layers


def opened(name: str) -> Workload:
    return open_workload(case(name).model, case(name).data)


def network(workload: Workload, target: str = "*", sparsity: float = 0.5) -> Network:
    steps = (Choice.of("magnitude", sparsity=sparsity), Choice.of("uniform", bits=4))
    return compress(
        workload.sites,
        workload.weights,
        Recipe((Plan(target, steps),)),
        digests=workload.digests,
    )


def last(evaluator: Evaluator, of: Network) -> Measurement:
    *_, measured = evaluator.run(of)
    return measured


def digits(samples: int = 1500) -> tuple[keras.Model, tuple[NDArray, NDArray]]:
    """A model of two layers that is right in about nine of ten cases, and its data."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, samples)
    x = rng.normal(size=(samples, 4)).astype(np.float32)
    x[np.arange(samples), y] += 2.5
    model = keras.Sequential(
        [keras.Input((4,)), L.Dense(16, "relu", name="a"), L.Dense(4, name="b")]
    )
    w = rng.normal(size=(4, 16)).astype(np.float32)
    hidden = np.maximum(x @ w, 0)
    fit, *_ = np.linalg.lstsq(hidden, np.eye(4)[y], rcond=None)
    model.set_weights([w, np.zeros(16), fit, np.zeros(4)])
    return model, (x, y)


@pytest.mark.parametrize("name", CASES)
def test_the_last_measurement_is_exact(name: str) -> None:
    form = case(name)
    workload = open_workload(form.model, form.data)
    evaluator = Evaluator(workload)
    original = evaluator.original()
    assert original.score == pytest.approx(accuracy(form.model, form.data), abs=1e-6)
    assert original.seen == original.total == len(form.data["y_test"])
    assert original.difference is original.within is None
    for site in (None, workload.sites[0], workload.sites[-1]):
        changed = network(workload, site.path if site else "*")
        expected = accuracy(realize(workload, changed), form.data)
        for _ in range(2):
            measured = last(evaluator, changed)
            assert measured.is_exact
            assert measured.score == pytest.approx(expected, abs=1e-6)
            assert measured.within is not None
            assert measured.within.low == measured.within.high
            difference = measured.within.value
            assert difference == pytest.approx(expected - original.score, abs=1e-6)


def test_measurements_sharpen() -> None:
    model, (x, y) = digits()
    workload = open_workload(model, (x, y))
    evaluator = Evaluator(workload)
    found = list(evaluator.run(network(workload)))
    assert found[0].seen == FIRST
    assert [m.seen for m in found] == sorted({m.seen for m in found})
    widths = [m.within.high - m.within.low for m in found if m.within]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == 0
    final = found[-1]
    for m in found:
        is_seen = ~np.isnan(m.results)
        assert is_seen.sum() == m.seen
        assert np.array_equal(m.results[is_seen], final.results[is_seen])
        assert m.within
        assert m.difference
        assert m.difference.low <= m.within.low
        assert m.difference.high >= m.within.high
        assert m.score - m.within.value == pytest.approx(evaluator.original().score)


def test_flips_are_counted() -> None:
    model, (x, y) = digits()
    workload = open_workload(model, (x, y))
    evaluator = Evaluator(workload)
    measured = last(evaluator, network(workload))
    before, after = evaluator.original().results, measured.results
    assert measured.turned_wrong == np.sum((before == 1) & (after == 0)) > 0
    assert measured.turned_right == np.sum((before == 0) & (after == 1)) > 0
    expected = np.array(realize(workload, network(workload))(x)).argmax(1) == y
    assert np.array_equal(after, expected.astype(np.float32))


def test_nothing_changed_is_no_difference() -> None:
    workload = opened("dense")
    same = compress(
        workload.sites, workload.weights, Recipe(), digests=workload.digests
    )
    measured = last(Evaluator(workload), same)
    assert measured.turned_wrong == measured.turned_right == 0
    assert measured.within
    assert measured.within.value == 0


def test_the_order_is_fixed_and_seeded() -> None:
    model, data = digits()
    workload = open_workload(model, data)

    def first(seed: int) -> NDArray[np.bool_]:
        evaluator = Evaluator(workload, seed=seed)
        return np.isnan(next(evaluator.run(network(workload))).results)

    assert np.array_equal(first(0), first(0))
    assert not np.array_equal(first(0), first(1))


def test_runs_do_not_disturb_each_other() -> None:
    workload = opened("residual")
    evaluator = Evaluator(workload)
    mild, hard = network(workload, "*", 0.1), network(workload, "*", 0.9)
    expected = [last(evaluator, of).score for of in (mild, hard)]
    runs = [evaluator.run(of) for of in (mild, hard)]
    *_, (one, other) = zip(*runs, strict=True)
    assert [one.score, other.score] == expected


def test_a_closed_run_leaves_no_thread() -> None:
    model, (x, y) = digits(20_000)
    evaluator = Evaluator(open_workload(model, (x, y)))
    evaluator.original()
    before = threading.active_count()
    run = evaluator.run(network(open_workload(model, (x, y))))
    for _ in range(3):
        next(run)
    run.close()
    assert threading.active_count() == before


def test_a_cancelled_run_leaves_nothing_wrong_behind() -> None:
    workload = opened("nested")
    evaluator = Evaluator(workload)
    path = workload.sites[-1].path
    for sparsity in (0.2, 0.4, 0.6):
        run = evaluator.run(network(workload, path, sparsity))
        next(run)
        run.close()
    changed = network(workload, path, 0.8)
    plain = accuracy(realize(workload, changed), case("nested").data)
    assert last(evaluator, changed).score == pytest.approx(plain)


@pytest.mark.parametrize("name", CASES)
def test_quantized_activations_score_the_same_from_any_cut(name: str) -> None:
    workload = opened(name)
    calibrator = Calibrator(workload)
    list(calibrator.run())
    recipe = Recipe((Plan("*", (), Choice.of("activations", bits=4)),))
    grids = activation_grids(workload.outputs, recipe, calibrator.seen)
    assert len(grids) == len(workload.outputs)
    evaluator, fresh = Evaluator(workload), Evaluator(workload, cache_bytes=0)
    for site in (workload.sites[0], workload.sites[-1]):
        changed = network(workload, site.path)
        rounded = Network(changed.tensors, changed.digests, grids)
        for of in (rounded, changed):
            kept, plain = last(evaluator, of), last(fresh, of)
            assert np.array_equal(kept.results, plain.results)
    assert fresh.cached_bytes == 0


def test_retrained_variables_are_taken() -> None:
    workload = opened("residual")
    evaluator = Evaluator(workload)
    plain = network(workload)
    others = {
        path: values + np.float32(0.3) * (values.dtype.kind == "f")
        for path, values in workload.others.items()
    }
    retrained = Network(plain.tensors, plain.digests, {}, (), others)
    expected = accuracy(realize(workload, retrained), case("residual").data)
    before = last(evaluator, plain).score
    assert last(evaluator, retrained).score == pytest.approx(expected)
    assert last(evaluator, plain).score == before != expected


def test_a_limit_takes_the_first_samples() -> None:
    model, (x, y) = digits()
    workload = open_workload(model, (x, y))
    evaluator = Evaluator(workload)
    changed = network(workload)
    *_, measured = evaluator.run(changed, limit=100)
    right = np.array(realize(workload, changed)(x[:100])).argmax(1) == y[:100]
    assert measured.score == pytest.approx(right.mean())
    assert (measured.seen, measured.total) == (100, 1500)
    assert measured.within is None
    assert measured.difference is not None
    assert np.isnan(measured.results[100:]).all()
    original = evaluator.original(limit=100)
    known = evaluator.original()
    assert np.array_equal(original.results[:100], known.results[:100])
    assert original.seen == 100
    assert evaluator.original(limit=10**6).seen == 1500


def test_a_limit_must_be_positive() -> None:
    evaluator = Evaluator(opened("dense"))
    with pytest.raises(UserError) as error:
        evaluator.original(limit=0)
    assert error.value.key == "evaluate.limit"


def test_without_test_data_there_is_no_score() -> None:
    workload = open_workload(case("dense").model, None)
    with pytest.raises(UserError) as error:
        Evaluator(workload)
    assert error.value.key == "evaluate.no_test_data"


def test_any_number_can_be_the_metric() -> None:
    def error(y_true: NDArray, y_pred: NDArray) -> NDArray:
        return np.abs(np.eye(4)[y_true] - y_pred).sum(axis=1) * 10

    model, (x, y) = digits()
    workload = open_workload(
        model, (x, y), metric=error, higher_is_better=False, loss="mse"
    )
    evaluator = Evaluator(workload)
    changed = network(workload)
    found = list(evaluator.run(changed))
    expected = error(y, np.array(realize(workload, changed)(x)))
    assert found[-1].score == pytest.approx(expected.mean(), rel=1e-5)
    assert np.allclose(found[-1].results, expected, rtol=1e-4)
    assert found[-1].turned_wrong is None
    change = expected - error(y, np.array(model(x)))
    difference = found[-1].difference
    assert difference is not None
    half = 1.9616 * change.std(ddof=1) / np.sqrt(1500)
    assert difference.high - difference.value == pytest.approx(half, rel=0.02)
    assert found[0].within
    assert found[0].within.low < found[0].within.high


def test_intervals_of_the_first_samples_hold_what_comes_out() -> None:
    model, (x, y) = digits(3000)
    workload = open_workload(model, (x, y))
    hits = 0
    changed = [network(workload, "*", s) for s in (0.1, 0.2, 0.3, 0.45, 0.6)]
    for seed in range(12):
        evaluator = Evaluator(workload, seed=seed)
        for of in changed:
            first, *_, final = evaluator.run(of)
            assert first.within
            assert final.within
            hits += first.within.low <= final.within.value <= first.within.high
    assert hits >= 54
