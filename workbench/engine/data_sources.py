"""Bring data from where it is: arrays, an .npz file, a tf.data.Dataset, a folder.

All end as named arrays: ``x_test``, ``y_test``, ``x_train``, ``y_train``, or with
several inputs ``x_test_NAME`` for each, and ``class_names``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from workbench.core.errors import UserError
from workbench.engine.data import Data, Split, data_of
from workbench.engine.layers import first_line

Arrays = dict[str, NDArray[Any]]

LARGEST_DATASET_BYTES = 4 << 30

_SPLITS = ("train", "test")
_NESTED = 2
_FLAT = 4


def read_arrays(source: Any, model: keras.Model) -> tuple[Arrays, str]:
    """Named arrays of a source, and what to call it.

    Raises:
        UserError: If nothing can be read from it.
    """
    if isinstance(source, str | Path):
        return _from_path(Path(source), model), Path(source).name
    if isinstance(source, tf.data.Dataset):
        return _from_dataset(source, model, "test"), ""
    if isinstance(source, Mapping):
        return {str(key): as_array(key, value) for key, value in source.items()}, ""
    if isinstance(source, tuple | list):
        return _from_tuple(source, model), ""
    raise UserError("open.data_kind", received=type(source).__name__)


def data_from(arrays: Arrays, names: Sequence[str], name: str) -> Data:
    """Splits from named arrays.

    Args:
        arrays: By name.
        names: The model's inputs, in its order.
        name: What to call the data.

    Raises:
        UserError: If a name is missing or unknown.
    """
    several = [key for key in arrays if key.startswith(("y_train_", "y_test_"))]
    if several:
        raise UserError("open.several_labels", received=", ".join(several))
    train, test = (_split(arrays, names, which) for which in _SPLITS)
    known = {f"{c}_{which}" for which in _SPLITS for c in "xy"} | {"class_names"}
    known |= {f"x_{which}_{name}" for which in _SPLITS for name in names}
    unknown = [key for key in arrays if key not in known]
    if test is None or unknown:
        raise UserError(
            "open.keys",
            expected=", ".join(_expected(names)),
            received=", ".join(arrays) or "-",
        )
    class_names = tuple(str(n) for n in arrays.get("class_names", np.array([])))
    return data_of(train, test, class_names, name)


def as_array(name: object, values: Any) -> NDArray[Any]:
    """Values as an array of numbers, float64 as float32.

    Raises:
        UserError: If they are text or no numbers, or rows differ in length.
    """
    if isinstance(values, tf.Tensor):
        values = values.numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise UserError("open.ragged", name=name) from error
    if name == "class_names":
        return array
    if array.dtype.kind in "USTO":
        raise UserError("open.text", name=name)
    if array.dtype.kind not in "biuf" and "bfloat16" not in str(array.dtype):
        raise UserError("open.not_numeric", name=name, received=array.dtype)
    is_wide = array.dtype == np.float64 or array.dtype.kind not in "biuf"
    return array.astype(np.float32) if is_wide else array


def _split(arrays: Arrays, names: Sequence[str], which: str) -> Split | None:
    y = arrays.get(f"y_{which}")
    x = [arrays.get(f"x_{which}_{name}") for name in names]
    if len(names) == 1 and x[0] is None:
        x = [arrays.get(f"x_{which}")]
    given = [array for array in x if array is not None]
    if y is None and not given:
        return None
    if y is None or len(given) < len(names):
        raise UserError(
            "open.keys",
            expected=", ".join(_expected(names)),
            received=", ".join(arrays),
        )
    return Split(tuple(given), y)


def _expected(names: Sequence[str]) -> list[str]:
    ends = [""] if len(names) == 1 else [f"_{name}" for name in names]
    return [
        key
        for which in _SPLITS
        for key in (*(f"x_{which}{end}" for end in ends), f"y_{which}")
    ]


def _from_path(path: Path, model: keras.Model) -> Arrays:
    if path.is_dir():
        from workbench.engine.image_folder import read_folder

        return read_folder(path, model)
    if not path.exists():
        raise UserError("open.missing", path=path)
    if path.suffix != ".npz":
        raise UserError("open.data_suffix", path=path)
    # NumPy takes whatever it does not know for pickled objects.
    if not zipfile.is_zipfile(path):
        raise UserError("open.damaged", path=path, reason="File is not a zip file")
    try:
        # NumPy leaves a damaged file open that it opened itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        if "pickle" in str(error).lower():
            raise UserError("open.pickled", path=path) from error
        raise UserError("open.damaged", path=path, reason=first_line(error)) from error
    return {name: as_array(name, array) for name, array in arrays.items()}


def _from_tuple(source: Sequence[Any], model: keras.Model) -> Arrays:
    """From (x_test, y_test), four arrays, two pairs, or two datasets."""
    if all(isinstance(part, tf.data.Dataset) for part in source):
        if len(source) == _NESTED:
            train = _from_dataset(source[0], model, "train")
            return train | _from_dataset(source[1], model, "test")
    elif len(source) == _NESTED:
        is_nested = all(
            isinstance(part, tuple | list) and len(part) == _NESTED for part in source
        )
        if is_nested:
            return _four((*source[0], *source[1]), model)
        return _pair(source[0], source[1], model, "test")
    elif len(source) == _FLAT:
        return _four(source, model)
    raise UserError("open.data_tuple", received=len(source))


def _four(source: Sequence[Any], model: keras.Model) -> Arrays:
    x_train, y_train, x_test, y_test = source
    train = _pair(x_train, y_train, model, "train")
    return train | _pair(x_test, y_test, model, "test")


def _pair(x: Any, y: Any, model: keras.Model, which: str) -> Arrays:
    """Named arrays of one split; several inputs as a list, tuple or mapping."""
    names = input_names(model)
    if isinstance(x, Mapping):
        arrays = {f"x_{which}_{name}": values for name, values in x.items()}
    elif isinstance(x, tuple | list) and len(names) > 1:
        if len(x) != len(names):
            expected = ", ".join(names)
            raise UserError(
                "open.inputs", name=f"x_{which}", expected=expected, received=len(x)
            )
        arrays = {
            f"x_{which}_{name}": values for name, values in zip(names, x, strict=True)
        }
    else:
        arrays = {f"x_{which}": x}
    arrays[f"y_{which}"] = y
    return {name: as_array(name, values) for name, values in arrays.items()}


def input_names(model: keras.Model) -> tuple[str, ...]:
    """Names of a model's inputs in its order; of a subclassed one's, a single one."""
    inputs = getattr(model, "inputs", None) or ()
    return tuple(tensor.name for tensor in inputs) or ("input",)


def _from_dataset(dataset: tf.data.Dataset, model: keras.Model, which: str) -> Arrays:
    """All samples of a dataset of pairs, batched or not."""
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) < _NESTED:
        raise UserError("open.dataset_pairs")
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise UserError("open.dataset_size", gigabytes=LARGEST_DATASET_BYTES >> 30)
    batched = dataset if _is_batched(spec, model) else dataset.batch(256)
    parts: list[list[NDArray[Any]]] = []
    nbytes = 0
    for element in _elements(batched):
        arrays = [t.numpy() for t in keras.tree.flatten(element[:_NESTED])]
        nbytes += sum(array.nbytes for array in arrays)
        if nbytes > LARGEST_DATASET_BYTES:
            raise UserError("open.dataset_size", gigabytes=LARGEST_DATASET_BYTES >> 30)
        parts.append(arrays)
    if not parts:
        raise UserError("open.empty", name="tf.data.Dataset")
    try:
        whole = [np.concatenate(column) for column in zip(*parts, strict=True)]
    except ValueError as error:
        raise UserError("open.ragged", name="tf.data.Dataset") from error
    x, y = keras.tree.pack_sequence_as(spec[:_NESTED], whole)
    return _pair(x, y, model, which)


def _elements(dataset: tf.data.Dataset) -> Iterator[Any]:
    """What a dataset gives, code of the user's that runs in it included.

    Raises:
        UserError: If that fails.
    """
    try:
        yield from dataset
    except Exception as error:  # the user's code, or batches that do not fit
        raise UserError("open.dataset_fails", reason=first_line(error)) from error


def _is_batched(spec: Any, model: keras.Model) -> bool:
    """Whether elements have an axis for samples, by the rank of the model's input."""
    first = keras.tree.flatten(spec[0])[0].shape
    inputs = getattr(model, "inputs", None)
    if inputs and first.rank is not None:
        return first.rank == len(inputs[0].shape)
    return first.rank is not None and first.rank > 0 and first[0] is None
