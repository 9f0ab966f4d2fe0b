"""Open a model file, and say in one sentence why one cannot be opened."""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import keras
import numpy as np

from workbench.core.errors import UserError
from workbench.engine.keras2 import is_keras2, open_keras2, translated
from workbench.engine.layers import first_line, layers, values_of, variables
from workbench.engine.light_loading import open_lightly
from workbench.engine.sites import sites
from workbench.engine.user_code import load_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
# What TensorFlow takes for names of a model, and of what is in it.
_MODEL_NAME = re.compile(r"[A-Za-z0-9.][\w.>-]*", re.ASCII)
_NAME = re.compile(r"[\w.>-]*", re.ASCII)
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
_UNKNOWN = re.compile(
    r"(?:Could not locate (?:class|function)|Unknown \w+:?) ['\"]?([\w>.]+)"
)


def load_model(
    file: Path,
    *,
    custom_objects: Path | Mapping[str, Any] | None = None,
    trust_code: bool = False,
) -> keras.Model:
    """Open a ``.keras`` or ``.h5`` file, one saved by Keras 2 included.

    Args:
        file: The file.
        custom_objects: The user's classes and functions: a Python file, or by name.
        trust_code: Whether a file that carries code may be opened.

    Returns:
        The model; compiled where the file says how and all that needs is known.

    Raises:
        UserError: If there is no such file or it holds no model that can be opened.
    """
    config = _config(file)
    carrier = next(_carriers(config), None)
    if carrier is not None and not trust_code:
        raise UserError("open.carries_code", path=file, layer=carrier)
    if isinstance(custom_objects, Mapping):
        known = dict(custom_objects)
    else:
        known = {} if custom_objects is None else load_objects(custom_objects)
    opened = open_lightly(file, config) if file.suffix == ".keras" else None
    return _opened(file, config, known, trust_code) if opened is None else opened


def check_model(model: keras.Model) -> None:
    """Refuse a model that there is nothing to do with.

    Raises:
        UserError: If it is not built, takes text, owns no kernel, has a name that
            TensorFlow does not run, or a weight is not finite.
    """
    for tensor in getattr(model, "inputs", None) or ():
        if tensor.dtype == "string":
            raise UserError("open.text_input", name=tensor.name)
    names = (layer.name for layer in layers(model).values())
    bad = [] if _MODEL_NAME.fullmatch(model.name) else [model.name]
    bad += [name for name in names if not _NAME.fullmatch(name)]
    if bad:
        raise UserError("open.name", received=bad[0])
    found = variables(model)
    if not found and not model.built:
        raise UserError("open.unbuilt", name=model.name)
    if not sites(model):
        raise UserError("open.no_kernels", name=model.name)
    for path, variable in found.items():
        values = values_of(variable)
        is_float = "float" in str(values.dtype)
        if is_float and not np.isfinite(values.astype(np.float32, copy=False)).all():
            raise UserError("open.weights_not_finite", path=path)


def _opened(
    file: Path, config: Mapping[str, Any], known: Mapping[str, Any], trust_code: bool
) -> keras.Model:
    def load(compiled: bool) -> Any:
        return keras.saving.load_model(
            file, dict(known), compile=compiled, safe_mode=not trust_code
        )

    # An unknown loss or metric of the user is no reason to refuse the weights.
    ways: list[Callable[[], keras.Model]] = [lambda: load(True), lambda: load(False)]
    if file.suffix != ".keras" and is_keras2(file):
        # Keras itself would take some of it for something else.
        old = translated(config, file)
        ways.insert(0, lambda: open_keras2(file, old, known))
    errors: list[Exception] = []
    for way in ways:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return way()
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001  # Keras raises every kind
            errors.append(error)
    raise _explained(file, errors[0]) from errors[0]


def _explained(file: Path, error: Exception) -> UserError:
    unknown = _UNKNOWN.search(str(error))
    if file.suffix == ".keras" and _is_of_keras2(file):
        return UserError("open.keras2_zip", path=file)
    if unknown:
        name = unknown.group(1).rpartition(">")[2]
        is_operation = hasattr(keras.ops, _WORD.sub("_", name).lower())
        key = "h5_operation" if is_operation else "unknown_object"
        return UserError(f"open.{key}", path=file, name=name)
    return UserError("open.not_opened", path=file, reason=first_line(error))


def _is_of_keras2(file: Path) -> bool:
    with zipfile.ZipFile(file) as archive:
        about = json.loads(archive.read("metadata.json"))
    return str(about.get("keras_version")).startswith("2")


def _config(file: Path) -> Mapping[str, Any]:
    """The configuration that a model file holds, as JSON values."""
    if file.is_dir():
        is_saved_model = (file / "saved_model.pb").exists()
        raise UserError(
            "open.saved_model" if is_saved_model else "open.directory", path=file
        )
    if not file.exists():
        raise UserError("open.missing", path=file)
    if file.name.endswith(".weights.h5"):
        raise UserError("open.weights_only", path=file)
    if file.suffix not in {".keras", ".h5", ".hdf5"}:
        raise UserError("open.suffix", path=file)
    try:
        return _zip_config(file) if file.suffix == ".keras" else _h5_config(file)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, UserError):
            raise
        reason = first_line(error)
        raise UserError("open.damaged", path=file, reason=reason) from error


def _zip_config(file: Path) -> Mapping[str, Any]:
    if h5py.is_hdf5(file):
        raise UserError("open.h5_named_keras", path=file)
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        missing = [name for name in _MEMBERS if name not in names]
        if missing:
            raise UserError("open.not_a_model", path=file, missing=", ".join(missing))
        broken = archive.testzip()
        if broken is not None:
            raise UserError("open.damaged", path=file, reason=broken)
        return json.loads(archive.read("config.json"))


def _h5_config(file: Path) -> Mapping[str, Any]:
    with h5py.File(file, "r") as stored:
        config: Any = stored.attrs.get("model_config")
        if config is None:
            is_weights = "layer_names" in stored.attrs or "layers" in stored
            if is_weights:
                raise UserError("open.weights_only", path=file)
            raise UserError("open.not_a_model", path=file, missing="model_config")
        return json.loads(config)


def _carriers(config: object, name: str = "") -> Iterator[str]:
    """Names of the layers of a configuration that carry Python code."""
    if isinstance(config, list):
        for entry in config:
            yield from _carriers(entry, name)
    elif isinstance(config, dict):
        inner = config.get("config")
        name = str(config.get("name") or name)
        if isinstance(inner, dict):
            name = str(inner.get("name") or name)
        if config.get("class_name") in {"Lambda", "__lambda__"}:
            yield name
        for entry in config.values():
            yield from _carriers(entry, name)
