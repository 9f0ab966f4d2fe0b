"""How much what recurrent kernels make counts, by gradients of the loss.

What a kernel makes at one step comes back at all later ones, and gates count unalike,
which no target says. With a sample's gradients ``dW`` of a kernel, the sum of ``x g^T``
over steps, and ``H = E[x x^T]``, the loss changes with errors e of the outputs about as
``e^T E[dW^T H^-1 dW] e``. Source: Martens and Grosse 2015, arXiv 1503.05671.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import tensorflow as tf

from workbench.core.codes import LowRank
from workbench.engine.distillation import plain_loss
from workbench.engine.layers import called, clone, variables

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.network import Network
    from workbench.engine.kernel_rows import Kernel
    from workbench.engine.workload import Workload

    Matrix = NDArray[np.float64]

LOOPED = "recurrent_kernel"
SAMPLES = 256
# A sum over many samples hides what single ones say.
BATCH = 4
# Of the mean over the outputs: few samples leave some of them unheard.
_EVENLY = 0.1
# Its own types leave the result open.
_linalg = cast("Any", np.linalg)


class OutputCounts:
    """How errors of kernels' outputs count beside each other.

    Args:
        workload: The original and its data.
        kernels: What is known of its kernels, by path.
        seed: Of the draw of samples.
    """

    def __init__(
        self, workload: Workload, kernels: Mapping[str, Kernel], seed: int
    ) -> None:
        """Nothing is run."""
        self._workload, self._kernels, self._seed = workload, kernels, seed
        self._known: dict[str, Matrix] = {}

    def of(
        self, paths: Sequence[str], network: Network
    ) -> Generator[None, None, dict[str, Matrix]]:
        """What is known of those that are products and lie in a loop.

        Args:
            paths: Kernels; those of a layer stand together.
            network: The model as compressed so far.

        Yields:
            Nothing, after each batch; closing the generator stops it.

        Returns:
            By path (outputs, outputs), positive definite, with a mean diagonal of 1;
            empty without a loss.
        """
        looped = {_layer(path) for path in paths if path.endswith(LOOPED)}
        wished = [
            path
            for path in paths
            if _layer(path) in looped
            and isinstance(network.tensors[path].code, LowRank)
        ]
        fresh = [path for path in wished if path not in self._known]
        if fresh and self._workload.loss is not None:
            yield from self._learn(fresh)
        return {path: self._known[path] for path in wished if path in self._known}

    def _learn(self, paths: Sequence[str]) -> Generator[None, None, None]:
        """Add up what samples say of some kernels."""
        train, loss = self._workload.data.train, self._workload.loss
        assert train is not None, "Nothing is compressed in turn without."
        model = clone(self._workload.model)
        found = variables(model)
        values = [found[path].value for path in paths]

        def slopes(x: list[tf.Tensor], y: tf.Tensor) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(values)
                said = called(model, x)
                lost = plain_loss(cast("Any", loss), y, said)
            told: Any = tape.gradient(lost, values)
            pairs = zip(told, values, strict=True)
            return [tf.zeros_like(v) if g is None else g for g, v in pairs]

        run: Any = tf.function(slopes, autograph=False)
        roots = [_root(self._kernels[path].seen) for path in paths]
        sums: list[Any] = [0.0] * len(paths)
        for rows in train.drawn(SAMPLES, BATCH, self._seed):
            if len(rows) < BATCH:
                continue
            x = [tf.convert_to_tensor(array[rows]) for array in train.x]
            told = run(x, tf.convert_to_tensor(train.y[rows]))
            for place, slope in enumerate(told):
                seen = _linalg.solve(roots[place], slope.numpy().astype(np.float64))
                sums[place] = sums[place] + seen.T @ seen
            yield
        self._known |= zip(paths, map(_evened, sums), strict=True)


def _layer(path: str) -> str:
    return path.rpartition("/")[0]


def _root(gram: Gram) -> Matrix:
    return _linalg.cholesky(gram.hessian()[0])


def _evened(total: Matrix) -> Matrix:
    """A sum with a mean diagonal of 1, every output heard; all alike where none is."""
    mean = float(np.trace(total)) / len(total)
    own = total / mean if mean > 0 else np.eye(len(total))
    return (own + _EVENLY * np.eye(len(total))) / (1 + _EVENLY)
