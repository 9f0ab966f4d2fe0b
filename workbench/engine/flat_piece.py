"""A part of a traced graph that LiteRT runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from workbench.engine import INTRA_OP_THREADS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.engine.translation import Translation


class FlatPiece:
    """What leads from some tensors of a graph to others, on any number of samples.

    Samples are run a few at a time, on as many interpreters of one thread each as
    there are threads: they need not wait for each other within an operation.

    Args:
        translation: The operations; nothing else may write to its file.
    """

    def __init__(self, translation: Translation) -> None:
        """Without weights it does not run yet."""
        self._translation = translation
        self._interpreters: list[Any] = []
        self._inputs: list[int] = []
        self._outputs: list[dict[str, Any]] = []

    def load(self, values: Mapping[str, NDArray[Any]]) -> None:
        """Take weights; LiteRT packs them as its kernels want them.

        Args:
            values: Of each of the translation's parameters, by name.

        Raises:
            RuntimeError: If LiteRT refuses the operations.
            ValueError: The same.
        """
        self._translation.write(values)
        content = self._translation.file.to_bytes()
        self._interpreters = [_opened(content) for _ in range(INTRA_OP_THREADS)]
        details = self._interpreters[0].get_input_details()
        self._inputs = [detail["index"] for detail in details]
        self._outputs = self._interpreters[0].get_output_details()

    def __call__(self, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The made tensors, in their order.

        Args:
            tensors: Values of the given tensors.
        """
        arrays = [np.asarray(tensor) for tensor in tensors]
        total, rows = len(arrays[0]), self._translation.rows
        made = [
            np.empty((total, *detail["shape"][1:]), detail["dtype"])
            for detail in self._outputs
        ]
        # Whichever interpreter is free takes the next tile.
        tiles = iter([slice(i, min(i + rows, total)) for i in range(0, total, rows)])

        def run(interpreter: Any) -> None:
            for tile in tiles:
                self._run(interpreter, arrays, made, tile)

        first, *others = self._interpreters
        # No thread outlives the call: to start one is nothing beside a batch.
        with ThreadPoolExecutor(max(len(others), 1), "litert") as pool:
            running = [pool.submit(run, other) for other in others]
            run(first)
        for future in running:
            future.result()
        return [tf.convert_to_tensor(array) for array in made]

    def _run(
        self,
        interpreter: Any,
        arrays: Sequence[NDArray[Any]],
        made: Sequence[NDArray[Any]],
        tile: slice,
    ) -> None:
        """Run some samples; what is left of earlier ones behind them is ignored."""
        count = tile.stop - tile.start
        for index, array in zip(self._inputs, arrays, strict=True):
            interpreter.tensor(index)()[:count] = array[tile]
        interpreter.invoke()
        for detail, array in zip(self._outputs, made, strict=True):
            array[tile] = interpreter.tensor(detail["index"])()[:count]


def _opened(content: bytes) -> Any:
    interpreter: Any = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter
