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
from workbench.engine.layers import first_line, variables
from workbench.engine.sites import sites
from workbench.engine.user_code import load_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
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
    return _opened(file, known, trust_code)


def check_model(model: keras.Model) -> None:
    """Refuse a model that there is nothing to do with.

    Raises:
        UserError: If it is not built, owns no kernel, or a weight is not finite.
    """
    found = variables(model)
    if not found and not model.built:
        raise UserError("open.unbuilt", name=model.name)
    if not sites(model):
        raise UserError("open.no_kernels", name=model.name)
    for path, variable in found.items():
        if "float" in keras.backend.standardize_dtype(variable.dtype):
            values = np.asarray(keras.ops.convert_to_numpy(variable), np.float32)
            if not np.isfinite(values).all():
                raise UserError("open.weights_not_finite", path=path)


def _opened(file: Path, known: dict[str, Any], trust_code: bool) -> keras.Model:
    errors: list[Exception] = []
    # An unknown loss or metric of the user is no reason to refuse the weights.
    for compiled in (True, False):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return keras.saving.load_model(
                    file, known, compile=compiled, safe_mode=not trust_code
                )
        except Exception as error:  # noqa: BLE001  # Keras raises every kind
            errors.append(error)
    unknown = _UNKNOWN.search(str(errors[-1]))
    if unknown:
        name = unknown.group(1).rpartition(">")[2]
        raise UserError("open.unknown_object", path=file, name=name) from errors[-1]
    reason = first_line(errors[-1])
    raise UserError("open.not_opened", path=file, reason=reason) from errors[-1]


def _config(file: Path) -> object:
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


def _zip_config(file: Path) -> object:
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


def _h5_config(file: Path) -> object:
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
