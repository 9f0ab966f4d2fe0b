"""Before the first slider: does the baseline make sense?

A score at chance level, an input range, an order of channels or of classes that looks
wrong, logits where probabilities were meant: each is said with what to try. Nothing is
repaired; on a few hundred test samples other readings of the data are tried out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.engine.batching import samples_for
from workbench.engine.data import Split
from workbench.engine.forward import Forward
from workbench.engine.labels import adds_up
from workbench.engine.metrics import Accuracy
from workbench.text import say

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.measurement import Measurement
    from workbench.engine.workload import Workload

SAMPLES = 512
FEWEST = 32
# Multiply-accumulates of one reading: about a second on two cores.
WORK = 30_000_000_000

# No other reading is tried from this score on: it has little to gain, and trying costs
# time just when the user wants to begin.
_GOOD = 0.9
_SMALLEST_GAIN = 0.05
_ERRORS = 3.0
_MOST_CLASSES = 50
# In the mean; fewer do not tell how a class is called.
_SAMPLES_A_CLASS = 4
_CLEAR_MATCH = 0.5
_CLEAR_GAIN = 0.2
_BYTE = 255.0
_HALF = 127.5
_LOOKS_LIKE_BYTES = 2.0
_RANGES_APART = 10.0
_PICTURE_AXES = 4
_COLOURS = 3

Reading = Callable[["NDArray[Any]"], "NDArray[Any]"]


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong, and what to try.

    Attributes:
        key: Text key of the sentence.
        values: Its placeholders.
    """

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def text(self, lang: str = "en") -> str:
        """The sentence in a language."""
        return say(self.key, lang, **self.values)


def check(workload: Workload, measurement: Measurement) -> tuple[Finding, ...]:
    """What looks wrong with a model on its data; empty where nothing does.

    Args:
        workload: The model with its test data.
        measurement: The score of the original model.
    """
    test, metric = workload.data.test, workload.metric
    if test is None or metric is None:
        return ()
    forward = Forward(workload.model, test.x)
    split = _spread(test, samples_for(WORK, FEWEST, SAMPLES, forward.cost.work))
    output = forward(split.x)
    if isinstance(output, list):
        return ()
    found = [*_logits(workload, output), *_ranges(workload)]
    if isinstance(metric, Accuracy):
        found += _chance(test, metric, measurement)
        found += _order(split, metric, output)
        found += _readings(workload, split, metric, output)
    return tuple(found)


def _spread(test: Split, samples: int) -> Split:
    """Samples from all over the test set, which may be sorted by class."""
    rows = np.unique(np.linspace(0, len(test) - 1, samples).astype(np.int64))
    return Split(tuple(array[rows] for array in test.x), test.y[rows])


def _logits(workload: Workload, output: NDArray[Any]) -> Iterator[Finding]:
    """Logits where probabilities were said, or the reverse."""
    if workload.from_logits is None:
        return
    are_fractions = bool(((output >= 0) & (output <= 1)).all())
    if not workload.from_logits and not are_fractions:
        yield Finding("check.logits", {"low": output.min(), "high": output.max()})
    is_whole = output.shape[-1] == 1 or adds_up(output)
    if workload.from_logits and are_fractions and is_whole:
        yield Finding("check.probabilities")


def _ranges(workload: Workload) -> Iterator[Finding]:
    """Training data on another scale than test data."""
    train, test = workload.data.train, workload.data.test
    if train is None or test is None:
        return
    for a, b in zip(train.x, test.x, strict=True):
        # Looked at where they lie: large samples are not copied.
        some = [x[:: 1 + len(x) // SAMPLES] for x in (a, b)]
        sizes = sorted(max(float(x.max()), -float(x.min())) for x in some)
        if a.dtype.kind in "fu" and sizes[1] > _RANGES_APART * max(sizes[0], 1e-6):
            highest = {"train": some[0].max(), "test": some[1].max()}
            yield Finding("check.splits", highest)


def _chance(
    test: Split, metric: Accuracy, measurement: Measurement
) -> Iterator[Finding]:
    """A score that always giving the most frequent answer reaches too."""
    y = test.y.argmax(axis=-1) if metric.is_one_hot else test.y
    if metric.task == "labels":
        ones = y.reshape(-1, y.shape[-1]).mean(axis=0)
        chance = float(np.maximum(ones, 1 - ones).mean())
    else:
        counts = np.bincount(y.reshape(-1).astype(np.int64))
        chance = float(counts.max() / counts.sum())
    if measurement.low <= chance < 1:
        values = {"score": measurement.score, "chance": chance}
        yield Finding("check.chance", values)


def _order(split: Split, metric: Accuracy, output: NDArray[Any]) -> Iterator[Finding]:
    """Classes that the model tells apart under other numbers."""
    true, given = metric.true_classes(split.y), metric.predicted_classes(output)
    classes = output.shape[-1]
    if true is None or given is None or not 1 < classes <= _MOST_CLASSES:
        return
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (true, given), 1)
    present = np.flatnonzero(confusion.sum(axis=1))
    if len(true) < _SAMPLES_A_CLASS * len(present):
        return
    best = confusion[present].argmax(axis=1)
    moved = [(int(t), int(g)) for t, g in zip(present, best, strict=True) if t != g]
    is_permutation = len(set(best.tolist())) == len(present)
    matched = confusion[present, best].sum() / len(true)
    score = np.trace(confusion) / len(true)
    is_clear = matched >= _CLEAR_MATCH and matched >= score + _CLEAR_GAIN
    if moved and is_permutation and is_clear:
        pairs = ", ".join(f"{t} -> {g}" for t, g in moved[:5])
        yield Finding(
            "check.order", {"pairs": pairs, "score": score, "matched": matched}
        )


def _readings(
    workload: Workload, split: Split, metric: Accuracy, output: NDArray[Any]
) -> Iterator[Finding]:
    """The reading of the input that scores clearly better than the one given."""
    results = metric.results(split.y, output)
    if len(split.x) != 1 or results.mean() >= _GOOD:
        return
    scores: dict[str, float] = {}
    forwards: dict[str, Forward] = {}
    for name, reading in _candidates(split.x[0]).items():
        x = [reading(split.x[0])]
        kind = x[0].dtype.str
        try:
            forwards[kind] = forwards.get(kind) or Forward(workload.model, x)
            read = metric.results(split.y, forwards[kind](x))
        except Exception:  # noqa: BLE001  # layers of the user that do not take floats
            continue
        if _is_clearly_better(read - results):
            scores[name] = float(read.mean())
    if scores:
        best = max(scores, key=lambda name: scores[name])
        values = {"score": float(results.mean()), "better": scores[best]}
        yield Finding("check.reading", values | {"reading": best})


def _is_clearly_better(difference: NDArray[np.float32]) -> bool:
    mean = float(difference.mean())
    error = float(difference.std()) / np.sqrt(len(difference))
    return mean > _SMALLEST_GAIN and mean > _ERRORS * error


def _candidates(x: NDArray[Any]) -> dict[str, Reading]:
    """Other readings of an input, each by the expression that makes it."""
    if x.dtype.kind not in "fu":
        return {}
    readings = {
        name: _scaled(factor, offset)
        for name, (factor, offset) in _scales(float(x.min()), float(x.max())).items()
    }
    if x.ndim == _PICTURE_AXES:
        if x.shape[-1] == _COLOURS:
            readings["x[..., ::-1]"] = lambda a: a[..., ::-1]
        if x.shape[1] == x.shape[2]:
            readings["x.swapaxes(1, 2)"] = lambda a: a.swapaxes(1, 2)
    return readings


def _scales(low: float, high: float) -> dict[str, tuple[float, float]]:
    """Factor and offset of other ranges that an input may have been trained on."""
    if low >= 0 and high > _LOOKS_LIKE_BYTES:
        return {
            "x / 255": (1 / _BYTE, 0.0),
            "x / 127.5 - 1": (1 / _HALF, -1.0),
            "255 - x": (-1.0, _BYTE),
            "1 - x / 255": (-1 / _BYTE, 1.0),
        }
    if low >= 0:
        return {"x * 255": (_BYTE, 0.0), "x * 2 - 1": (2.0, -1.0), "1 - x": (-1.0, 1.0)}
    return {"(x + 1) / 2": (0.5, 0.5), "(x + 1) * 127.5": (_HALF, _HALF)}


def _scaled(factor: float, offset: float) -> Reading:
    def read(values: NDArray[Any]) -> NDArray[Any]:
        return values.astype(np.float32) * np.float32(factor) + np.float32(offset)

    return read
