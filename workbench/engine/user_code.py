"""Code that the user names: a file of classes and functions, or one function of it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import UserError
from workbench.engine.layers import first_line

if TYPE_CHECKING:
    from collections.abc import Callable


def load_objects(file: Path) -> dict[str, Any]:
    """The classes and functions that a Python file defines, by name.

    Raises:
        UserError: If there is no such file or running it fails.
    """
    if file.suffix != ".py" or not file.is_file():
        raise UserError("open.code_file", path=file)
    name = f"_workbench_user_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError("open.code_file", path=file)
    module = importlib.util.module_from_spec(spec)
    # Classes look their module up while they are made, and pickling does later.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # anything may happen in there
        del sys.modules[name]
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise UserError("open.code_fails", path=file, reason=reason) from error
    return {
        key: value
        for key, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == name
    }


def load_function(address: str) -> Callable[..., Any]:
    """The function that ``FILE.py:function`` names.

    Raises:
        UserError: If the address has another form, or the file no such function.
    """
    file, _, name = address.rpartition(":")
    if not file.endswith(".py") or not name:
        raise UserError("open.code_address", received=address)
    found = load_objects(Path(file))
    if name not in found:
        known = ", ".join(found) or "-"
        raise UserError("open.no_function", path=file, received=name, known=known)
    return found[name]
