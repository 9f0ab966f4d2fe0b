"""Open a ``.keras`` file of Keras's own layers in the memory of its weights.

Keras itself draws random weights first, and holds the file's content beside them: a
large model takes several times its size, and twice the time.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
import zipfile
from functools import partial
from typing import TYPE_CHECKING, Any

import keras

from workbench.engine.initial import Unset, shared
from workbench.engine.layers import is_plain, variables

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_WEIGHTS = "model.weights.h5"
_COMPILED = "compile_config"


def open_lightly(file: Path, config: Mapping[str, Any]) -> keras.Model | None:
    """The model in a file, compiled with its loss alone.

    Args:
        file: A ``.keras`` file that was checked.
        config: What is in its ``config.json``.

    Returns:
        The model; None where that takes more than Keras's own layers and weights, or
        fails: Keras may open it still, or say why it cannot.
    """
    bare = {**config, _COMPILED: None}
    if not _is_own(bare):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = _made(bare)
            if model is None:
                return None
            _read(model, file)
    except Exception:  # noqa: BLE001  # Keras raises every kind
        return None
    _compile(model, config.get(_COMPILED) or {})
    return model


def _is_own(config: object) -> bool:
    """Whether all classes of a configuration are Keras's."""
    if isinstance(config, list):
        return all(map(_is_own, config))
    if not isinstance(config, dict):
        return True
    module = config.get("module", "keras") if "class_name" in config else "keras"
    return str(module).split(".")[0] == "keras" and all(map(_is_own, config.values()))


def _made(config: Mapping[str, Any]) -> keras.Model | None:
    """The model before its weights are read."""
    with keras.StatelessScope():  # what is made in it is initialized at its end
        model: Any = keras.saving.deserialize_keras_object(config, safe_mode=True)
        for variable in variables(model).values():
            variable._initializer = Unset()
    return model if is_plain(model) else None


def _read(model: keras.Model, file: Path) -> None:
    """Fill the model with the weights in a file."""
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(file) as archive,
        _taking(list(variables(model).values())),
    ):
        model.load_weights(archive.extract(_WEIGHTS, folder))


@contextlib.contextmanager
def _taking(given: Sequence[keras.Variable]) -> Generator[None]:
    """Have variables keep what is read for them; Keras copies it, twice."""
    for variable in given:
        variable.assign = partial(_take, variable)
    try:
        yield
    finally:
        for variable in given:
            del variable.assign


def _take(variable: keras.Variable, stored: NDArray[Any]) -> None:
    is_alike = stored.shape == tuple(variable.shape)
    is_taken = is_alike and stored.dtype == variable.dtype == "float32"
    type(variable).assign(variable, shared(stored) if is_taken else stored)


def _compile(model: keras.Model, config: Mapping[str, Any]) -> None:
    """Name the loss that a model was compiled with: no optimizer takes memory.

    An unknown loss of the user is no reason to refuse the weights.
    """
    with contextlib.suppress(ImportError, TypeError, ValueError):
        loss: Any = keras.saving.deserialize_keras_object(config.get("loss"))
        if loss is not None:
            model.compile(loss=loss)
