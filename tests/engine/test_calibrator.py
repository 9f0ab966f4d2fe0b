"""What calibration sees."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.chain.models import CASES, Case, case
from workbench.core.errors import UserError
from workbench.engine.calibrator import BINS, Calibrator
from workbench.engine.workload import Split, Workload, open_workload

L = keras.layers


def open_case(form: Case) -> Workload:
    return open_workload(form.model, form.data)


@pytest.mark.parametrize("name", CASES)
def test_every_place_is_seen(name: str) -> None:
    workload = open_case(case(name))
    calibrator = Calibrator(workload)
    progress = list(calibrator.run(samples=50))
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert set(calibrator.seen) == {site.path for site in workload.outputs}
    for seen in calibrator.seen.values():
        assert seen.samples == 50
        assert seen.low <= seen.high
        assert seen.counts.shape == (BINS,)


def test_ranges_and_histograms_are_those_of_the_tensors() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3)).astype(np.float32)
    y = rng.integers(0, 2, 100)
    model = keras.Sequential(
        [
            keras.Input((3,), name="x"),
            L.Dense(4, "relu", name="a"),
            L.Dense(2, name="b"),
        ]
    )
    calibrator = Calibrator(open_workload(model, (x, y, x, y), from_logits=True))
    list(calibrator.run(samples=1000))
    hidden = np.array(model.layers[0](x))
    for path, values in {"x/input": x, "a/output": hidden}.items():
        seen = calibrator.seen[path]
        assert seen.low == pytest.approx(values.min())
        assert seen.high == pytest.approx(values.max())
        counts, _ = np.histogram(values, BINS, (seen.low, seen.high))
        # Float error may put a value into the next bin.
        assert np.abs(np.cumsum(seen.counts - counts)).max() <= 2
        assert seen.counts.sum() == values.size


def test_it_repeats_and_depends_on_the_seed() -> None:
    workload = open_case(case("dense"))

    def ranges(seed: int) -> dict[str, tuple[float, float]]:
        calibrator = Calibrator(workload)
        list(calibrator.run(samples=20, seed=seed))
        return {path: (s.low, s.high) for path, s in calibrator.seen.items()}

    assert ranges(0) == ranges(0)
    assert ranges(0) != ranges(1)


def test_a_place_without_finite_values_is_left_out() -> None:
    # What an infinite input becomes in a product differs between processors.
    parts = [
        keras.Input((4,), name="x"),
        keras.layers.Activation("tanh"),
        keras.layers.Dense(3, name="head"),
    ]
    x = np.linspace(-1, 1, 64, dtype=np.float32).reshape(16, 4)
    y = np.arange(16) % 3
    workload = open_workload(keras.Sequential(parts), (x, y, x, y))
    spoiled = np.where(np.arange(16)[:, None] == 0, np.float32(np.inf), x)
    data = replace(workload.data, train=Split((spoiled,), y))
    calibrator = Calibrator(replace(workload, data=data))
    list(calibrator.run())
    assert "x/input" not in calibrator.seen
    assert "head/output" in calibrator.seen
    ends = [end for seen in calibrator.seen.values() for end in (seen.low, seen.high)]
    assert np.isfinite(ends).all()


def test_test_data_are_never_used() -> None:
    form = case("dense")
    data = {name: form.data[name] for name in ("x_test", "y_test")}
    with pytest.raises(UserError) as error:
        Calibrator(open_workload(form.model, data))
    assert error.value.key == "evaluate.no_training_data"
