"""The workload: a model, its kernels, the data it is scored with, and how."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from workbench.core.activations import OutputSite
from workbench.core.errors import UserError
from workbench.core.network import array_digest
from workbench.core.tensor import Site
from workbench.engine.data import Data, Split
from workbench.engine.data_checks import check_split, run
from workbench.engine.data_sources import data_from, input_names, read_arrays
from workbench.engine.forward import held_rows
from workbench.engine.groups import with_groups
from workbench.engine.labels import (
    Answers,
    accuracy_for,
    activation_seen,
    are_numbers,
    with_numbers,
)
from workbench.engine.layers import values_of, variables
from workbench.engine.losses import (
    Loss,
    aligned,
    fitted,
    is_of_numbers,
    logits_of,
    loss_of,
    usual_loss,
)
from workbench.engine.macs import macs
from workbench.engine.metrics import AbsoluteError, Accuracy, Metric, UserMetric
from workbench.engine.model_loading import check_model, load_model
from workbench.engine.outputs import Place, output_activation, places
from workbench.engine.sites import sites
from workbench.engine.user_code import load_function

if TYPE_CHECKING:
    import tensorflow as tf

_FEW = 64

__all__ = ["Data", "Split", "Workload", "open_workload"]


@dataclass(frozen=True, eq=False)
class Workload:
    """Everything that a compression starts from; nothing of it is ever changed.

    Attributes:
        model: The user's model.
        name: What to call it.
        sites: Its kernels, the ones that cannot be treated included.
        places: Where its activations can be quantized, and how to reach them.
        weights: Values of the kernels by path, float32.
        others: Values of all other variables by path, in their own type.
        digests: Hash of each kernel's values, by path.
        data: Samples with their labels.
        metric: The score; None without data.
        loss: Callable of labels and outputs; None where nothing tells which.
        from_logits: Whether outputs are logits; None where nothing tells.
        model_bytes: Size of the model's file; None for a model in memory.
        digest: Hash of weights, data and metric, hexadecimal.
    """

    model: keras.Model
    name: str
    sites: tuple[Site, ...]
    places: tuple[Place, ...]
    weights: Mapping[str, NDArray[np.float32]]
    others: Mapping[str, NDArray[Any]]
    digests: Mapping[str, str]
    data: Data
    metric: Metric | None
    loss: Loss | None
    from_logits: bool | None
    model_bytes: int | None
    digest: str

    @property
    def tensors(self) -> tuple[Site, ...]:
        """Its kernels, then all other variables, each with why it is left alone."""
        others = (
            Site(path, "none", values.shape, (), macs=0, reason="doctor.no_kernel")
            for path, values in self.others.items()
        )
        return (*self.sites, *others)

    @property
    def outputs(self) -> tuple[OutputSite, ...]:
        """The places where activations can be quantized."""
        return tuple(place.site for place in self.places)

    def examples(self, count: int) -> list[NDArray[Any]]:
        """A few real samples, one array an input; zeros where there are no data."""
        split = self.data.test or self.data.train
        if split is not None:
            rows = np.arange(count) % len(split)
            return [array[rows] for array in split.x]
        return [
            np.zeros((count, *(size or 1 for size in given.shape[1:])), given.dtype)
            for given in self.model.inputs
        ]


@dataclass(frozen=True, eq=False)
class _Wishes:
    metric: str | Callable[..., Any] | None
    higher_is_better: bool | None
    loss: str | Loss | None
    from_logits: bool | None


@dataclass(frozen=True, eq=False)
class _Scoring:
    data: Data
    metric: Metric | None
    loss: Loss | None
    from_logits: bool | None


def open_workload(  # noqa: PLR0913
    model: keras.Model | Path | str,
    data: Data
    | Path
    | str
    | Mapping[str, Any]
    | tf.data.Dataset
    | tuple[Any, ...]
    | None,
    *,
    custom_objects: Path | Mapping[str, Any] | None = None,
    trust_code: bool = False,
    metric: str | Callable[..., Any] | None = None,
    higher_is_better: bool | None = None,
    loss: str | Loss | None = None,
    from_logits: bool | None = None,
) -> Workload:
    """Open a model with its data, checked.

    Args:
        model: A Keras model, or a ``.keras`` or ``.h5`` file.
        data: ``(x_test, y_test)``, ``(x_train, y_train, x_test, y_test)``, a mapping of
            these names or an ``.npz`` file of it (with several inputs
            ``x_test_NAME`` for each), a `tf.data.Dataset` of test samples or a pair
            ``(train, test)``, a folder of images by class, or None for the model alone.
        custom_objects: The user's classes and functions, by name or a Python file.
        trust_code: Whether a file that carries code may be opened.
        metric: ``FILE.py:function`` or a function of labels and outputs that gives one
            number a sample; without one accuracy, or the mean absolute error where
            labels are numbers.
        higher_is_better: Direction of that metric, before its own attribute.
        loss: A Keras name, ``FILE.py:function`` or a callable; without one the compiled
            model's, or the one that goes with the accuracy.
        from_logits: Whether outputs are logits; without it the loss or the last
            activation tells.

    Raises:
        UserError: In one sentence, if something cannot be used.
    """
    opened, name, model_bytes = _model(model, custom_objects, trust_code)
    check_model(opened)
    scoring = _scoring(
        opened, data, _Wishes(metric, higher_is_better, loss, from_logits)
    )
    values = {path: values_of(v) for path, v in variables(opened).items()}
    example = scoring.data.test
    kernels = with_groups(
        opened, sites(opened, macs(opened, example.x if example else None))
    )
    weights = {site.path: np.asarray(values[site.path], np.float32) for site in kernels}
    others = {path: v for path, v in values.items() if path not in weights}
    digests = {path: array_digest(array) for path, array in weights.items()}
    return Workload(
        model=opened,
        name=name,
        sites=kernels,
        places=places(opened),
        weights=weights,
        others=others,
        digests=digests,
        data=scoring.data,
        metric=scoring.metric,
        loss=scoring.loss,
        from_logits=scoring.from_logits,
        model_bytes=model_bytes,
        digest=_digest(digests, others, scoring),
    )


def _model(
    model: keras.Model | Path | str,
    custom_objects: Path | Mapping[str, Any] | None,
    trust_code: bool,
) -> tuple[keras.Model, str, int | None]:
    if isinstance(model, keras.Model):
        return model, model.name, None
    if not isinstance(model, str | Path):
        raise UserError("open.model_kind", received=type(model).__name__)
    file = Path(model)
    opened = load_model(file, custom_objects=custom_objects, trust_code=trust_code)
    return opened, file.stem, file.stat().st_size


def _scoring(model: keras.Model, source: Any, wishes: _Wishes) -> _Scoring:
    loss = loss_of(model, wishes.loss)
    from_logits = wishes.from_logits
    if from_logits is None:
        from_logits = logits_of(loss)
    if source is None:
        return _Scoring(Data(None, None), None, loss, from_logits)
    data = _data(model, source)
    if data.test is None:
        raise UserError("open.no_test")
    few = data.test.head(min(_FEW, held_rows(model, data.test.x)))
    output = run(model, few.x)
    own = wishes.metric
    if own is not None:
        function = load_function(own) if isinstance(own, str) else own
        metric = UserMetric.of(function, wishes.higher_is_better)
        metric.results(few.y, output)
        chosen = None if loss is None else aligned(loss)
        return _Scoring(data, metric, chosen, from_logits)
    if isinstance(output, list):
        raise UserError("open.outputs", received=len(output))
    activation = output_activation(model) or activation_seen(output)
    answers = Answers(output.shape[1:], activation, from_logits)
    data, metric = _judged(data, answers, is_said=is_of_numbers(loss))
    chosen = loss or usual_loss(answers, metric)
    return _Scoring(
        data,
        metric,
        None if chosen is None else aligned(fitted(chosen, answers, metric)),
        answers.are_logits,
    )


def _judged(data: Data, answers: Answers, *, is_said: bool) -> tuple[Data, Metric]:
    """Data with labels as the score wants them, and the score that fits them."""
    assert data.test is not None, "A score needs test data."
    if are_numbers(answers, data.test.y, is_said=is_said):
        test = with_numbers(answers, data.test)
        train = None if data.train is None else with_numbers(answers, data.train)
        return replace(data, train=train, test=test), AbsoluteError()
    metric, test = accuracy_for(answers, data.test)
    if data.train is None:
        return replace(data, test=test), metric
    other, train = accuracy_for(answers, data.train)
    if metric != other:
        metric = _common(metric, other, data.train, data.test)
    return replace(data, train=train, test=test), metric


def _common(one: Accuracy, other: Accuracy, train: Split, test: Split) -> Accuracy:
    """The accuracy of splits whose labels look different.

    Raises:
        UserError: If they are class numbers in one and one-hot in the other.
    """
    independent = [metric for metric in (one, other) if metric.task == "labels"]
    if not independent:
        shapes = {"train": train.y.shape, "test": test.y.shape}
        raise UserError("open.label_forms", **shapes)
    # They may happen to hold a single 1 in every row of a split.
    return independent[0]


def _data(model: keras.Model, source: Any) -> Data:
    if isinstance(source, Data):
        data = source
    else:
        arrays, name = read_arrays(source, model)
        data = data_from(arrays, input_names(model), name)
    for which, split in (("train", data.train), ("test", data.test)):
        if split is not None:
            check_split(split, which, model)
    return data


def _digest(
    digests: Mapping[str, str], others: Mapping[str, NDArray[Any]], scoring: _Scoring
) -> str:
    parts = [f"{path}={digest}" for path, digest in digests.items()]
    parts += [f"{path}={array_digest(array)}" for path, array in others.items()]
    parts += [scoring.data.digest, repr(scoring.metric)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
