"""What the original model says of the training samples, for the student to learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.engine.distillation import are_probabilities, softened
from workbench.engine.layers import called
from workbench.engine.prediction import Predictor

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorflow as tf
    from numpy.typing import NDArray

    from workbench.engine.workload import Workload

MOST_BYTES = 512 * 2**20


@dataclass(frozen=True, eq=False)
class Teacher:
    """Softened answers.

    Attributes:
        answers: Probabilities, samples first and classes last, float32.
        from_logits: Whether the model's outputs are logits.
    """

    answers: NDArray[np.float32]
    from_logits: bool


def teacher(
    workload: Workload, batch: int, should_stop: Callable[[], bool]
) -> Teacher | None:
    """Ask the original model once about every training sample.

    Args:
        workload: Model and training data.
        batch: Samples at a time.
        should_stop: Asked before every batch.

    Returns:
        None where outputs are no distribution over classes, where they would fill more
        than 512 MB, or where it was stopped.
    """
    train = workload.data.train
    assert train is not None
    has_classes = getattr(workload.metric, "task", None) == "classes"
    from_logits = has_classes and bool(workload.from_logits)

    def forward(inputs: list[tf.Tensor], *, training: bool) -> Any:
        return called(workload.model, inputs, training=training)

    everything = np.arange(len(train))
    parts: list[NDArray[np.float32]] = []
    for said in Predictor(forward, train.x).batches(train.x, everything, batch):
        usable = isinstance(said, np.ndarray) and (
            from_logits or are_probabilities(said)
        )
        if not usable or should_stop():
            return None
        if said[0].size * 4 * len(train) > MOST_BYTES:
            return None
        parts.append(softened(said, from_logits=from_logits))
    return Teacher(np.concatenate(parts), from_logits)
