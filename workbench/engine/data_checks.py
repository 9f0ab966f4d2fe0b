"""Whether data fits a model: lengths, shapes, and numbers that are numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from workbench.core.errors import UserError
from workbench.engine.data_sources import input_names
from workbench.engine.graph import looked_up
from workbench.engine.layers import first_line, pack, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.engine.data import Split


def check_split(split: Split, which: str, model: keras.Model) -> None:
    """Refuse samples that the model cannot be run on.

    Args:
        split: Samples.
        which: ``train`` or ``test``.
        model: A built model.

    Raises:
        UserError: In one sentence that says what must hold and what came.
    """
    names = input_names(model)
    rows = looked_up(model) or (None,) * len(names)
    shapes = declared_shapes(model, len(names))
    for name, array, shape, count in zip(names, split.x, shapes, rows, strict=True):
        key = f"x_{which}" if len(names) == 1 else f"x_{which}_{name}"
        _check_length(key, array, f"y_{which}", split.y)
        _check_shape(key, array, shape, name)
        if array.dtype.kind == "f" and not _is_finite(array):
            raise UserError("open.not_finite", name=key)
        _check_rows(key, array, count)
    if split.y.dtype.kind == "f" and not _is_finite(split.y):
        raise UserError("open.not_finite", name=f"y_{which}")


def declared_shapes(
    model: keras.Model, count: int
) -> tuple[tuple[int | None, ...] | None, ...]:
    """Shape of each input without the samples' axis; None where none is declared."""
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return (None,) * count
    return tuple(tuple(tensor.shape[1:]) for tensor in inputs)


def run(
    model: keras.Model, x: Sequence[NDArray[Any]]
) -> NDArray[Any] | list[NDArray[Any]]:
    """The model's output on a few samples, a list where it has several outputs.

    Raises:
        UserError: If the model cannot be run on them.
    """
    try:
        tensors = [keras.ops.convert_to_tensor(array) for array in x]
        output = model(pack(model, tensors), training=False)
    except Exception as error:  # the user's layers run in there
        raise UserError("open.model_fails", reason=first_line(error)) from error
    arrays = [values_of(tensor) for tensor in keras.tree.flatten(output)]
    return arrays[0] if len(arrays) == 1 else arrays


def _check_rows(key: str, array: NDArray[Any], rows: int | None) -> None:
    """Refuse numbers of words that an embedding has no row for."""
    if rows is None:
        return
    low, high = array.min(), array.max()
    is_whole = array.dtype.kind in "iu" or bool((array == np.rint(array)).all())
    if low < 0 or high >= rows or not is_whole:
        raise UserError(
            "open.index_range",
            name=key,
            high=rows - 1,
            low_received=low,
            high_received=high,
        )


def _check_length(name: str, x: NDArray[Any], label: str, y: NDArray[Any]) -> None:
    for key, array in ((name, x), (label, y)):
        if array.ndim == 0:
            raise UserError("open.one_number", name=key)
        if len(array) == 0:
            raise UserError("open.empty", name=key)
    if len(x) != len(y):
        raise UserError("open.lengths", x=name, n_x=len(x), y=label, n_y=len(y))


def _check_shape(
    key: str, array: NDArray[Any], shape: Sequence[int | None] | None, name: str
) -> None:
    if shape is None:
        return
    received = array.shape[1:]
    fits = len(received) == len(shape) and all(
        want in (None, got) for want, got in zip(shape, received, strict=True)
    )
    if not fits:
        sizes = ["any" if size is None else str(size) for size in shape]
        raise UserError(
            "open.shape",
            name=key,
            input=name,
            expected=f"({', '.join(['n', *sizes])})",
            received=array.shape,
        )


def _is_finite(array: NDArray[Any]) -> bool:
    """Whether no value is NaN or infinite, looked at in blocks to spare memory."""
    flat = array.reshape(-1)
    block = 1 << 22
    return all(
        bool(np.isfinite(flat[i : i + block]).all()) for i in range(0, flat.size, block)
    )
