"""The compiled loop: many steps of training in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workbench.engine.adam import Adam
from workbench.engine.distillation import SHARE, plain_loss, teacher_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from workbench.engine.quantized_weights import Trained
    from workbench.engine.student import Student


class TrainingLoop:
    """Steps of a student.

    Args:
        student: The model, trained in place; frozen layers are not.
        loss: A Keras loss object or function.
        from_logits: What the outputs are, for learning from the original's; None to
            learn from the labels alone.
    """

    def __init__(
        self,
        student: Student,
        loss: Callable[..., Any],
        *,
        from_logits: bool | None,
    ) -> None:
        """Collect what is trained; the first call compiles."""
        self._student = student
        self._kernels: tuple[Trained, ...] = tuple(student.kernels.values())
        self._loss = loss
        self._from_logits = from_logits
        held = {id(kernel.variable) for kernel in self._kernels}
        trainable = [variable.value for variable in student.model.trainable_variables]
        self._plain = [value for value in trainable if id(value) not in held]
        inner = [value for kernel in self._kernels for value in kernel.trained]
        self._adam = Adam([*inner, *self._plain])
        self._compiled: Callable[..., Any] | None = None

    @property
    def is_compiled(self) -> bool:
        """Whether the next call runs at full speed."""
        return self._compiled is not None

    def steps(
        self,
        x: tuple[NDArray[Any], ...],
        y: NDArray[Any],
        taught: NDArray[np.float32] | None,
        rates: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], Any]:
        """Train on some batches.

        Args:
            x: Inputs, each (steps, batch, ...).
            y: Labels, (steps, batch, ...).
            taught: Softened outputs of the original, (steps, batch, ...), or None.
            rates: Learning rates with Adam's correction, (steps,).

        Returns:
            The model's loss of each step (steps,), and its outputs (steps, batch, ...),
            a list of such where it has several.
        """
        if taught is None:
            taught = np.zeros((len(rates), 0), np.float32)
        given = (x, y, taught, rates)
        run = self._compiled
        if run is None:
            spec = tf.nest.map_structure(_any_number, given)
            function = tf.function(self._run, spec, autograph=False)
            run = self._compiled = function.get_concrete_function()
        losses, outputs = run(*given)
        return losses.numpy(), tf.nest.map_structure(lambda part: part.numpy(), outputs)

    def check(self) -> None:
        """Hold every mask on weights and moments.

        Raises:
            AssertionError: If a pruned weight came back.
        """
        index = 0
        for part in (part for kernel in self._kernels for part in kernel.parts):
            part.check(*self._adam.moments(index))
            index += len(part.trained)

    def _run(
        self,
        x: tuple[tf.Tensor, ...],
        y: tf.Tensor,
        taught: tf.Tensor,
        rates: tf.Tensor,
    ) -> tuple[tf.Tensor, Any]:
        count = tf.shape(rates)[0]
        said = self._student([part[0] for part in x], training=False)
        losses = tf.TensorArray(tf.float32, count)
        outputs = [tf.TensorArray(part.dtype, count) for part in tf.nest.flatten(said)]

        def body(i: tf.Tensor, losses: Any, outputs: Any) -> tuple[Any, ...]:
            batch = [part[i] for part in x]
            loss, now = self._step(batch, y[i], taught[i], rates[i])
            pairs = zip(outputs, tf.nest.flatten(now), strict=True)
            return i + 1, losses.write(i, loss), [a.write(i, part) for a, part in pairs]

        _, losses, outputs = tf.while_loop(
            lambda i, *_: i < count, body, (0, losses, outputs), parallel_iterations=1
        )
        stacks = [array.stack() for array in outputs]
        return losses.stack(), tf.nest.pack_sequence_as(said, stacks)

    def _step(
        self, x: list[tf.Tensor], y: tf.Tensor, taught: tf.Tensor, rate: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        projections = [kernel.project() for kernel in self._kernels]
        with tf.GradientTape() as tape:
            said = self._student(x, training=True)
            loss = plain_loss(self._loss, y, said)
            aim = self._aim(loss, said, taught)
        held = [kernel.variable for kernel in self._kernels]
        slopes = [
            slope if slope is None else tf.convert_to_tensor(slope)
            for slope in tape.gradient(aim, [*held, *self._plain])
        ]
        triples = zip(self._kernels, slopes, projections, strict=False)
        inner = [
            slope
            for kernel, outer, projection in triples
            for slope in kernel.gradients(outer, projection)
        ]
        self._adam.apply([*inner, *slopes[len(held) :]], rate)
        return loss, said

    def _aim(self, loss: tf.Tensor, said: Any, taught: tf.Tensor) -> tf.Tensor:
        """What is minimised: the loss, the original's answers, the layers' own."""
        if self._from_logits is not None:
            learned = teacher_loss(taught, said, from_logits=self._from_logits)
            loss = (1 - SHARE) * loss + SHARE * learned
        extra = [tf.cast(value, tf.float32) for value in self._student.model.losses]
        return tf.add_n([loss, *extra])


def _any_number(array: NDArray[Any]) -> tf.TensorSpec:
    """The type of an array with any number of steps."""
    return tf.TensorSpec((None, *array.shape[1:]), array.dtype)
