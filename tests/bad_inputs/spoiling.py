"""How bad inputs are made: something good is spoiled, and a command meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    from tests.bad_inputs.conftest import Good

Words = list[Any]
Case = Callable[["Good", Path], Words]
CASES: dict[str, tuple[Case, str]] = {}


def bad(said: str) -> Callable[[Case], Case]:
    """Register a case; `said` is part of the sentence that must come."""

    def add(case: Case) -> Case:
        CASES[case.__name__] = case, said
        return case

    return add


def evaluate(model: Path, data: Path, *more: object) -> Words:
    return ["evaluate", model, "--data", data, *more]


def compress(good: Good, at: Path, *more: object, data: Path | None = None) -> Words:
    words = ["compress", good.model, "--data", data or good.data, "--out", at / "out"]
    return [*words, "--formats", "keras", *more]


def with_arrays(good: Good, at: Path, **changed: Any) -> Words:
    """Evaluate on the good data with some arrays changed; None takes one away."""
    arrays = good.arrays | changed
    path = at / "bad.npz"
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return evaluate(good.model, path)


def with_recipe(good: Good, at: Path, text: str) -> Words:
    (at / "recipe.yaml").write_text(text, "utf-8")
    return compress(good, at, "--recipe", at / "recipe.yaml")


def with_code(at: Path, text: str) -> Path:
    (at / "code.py").write_text(text, "utf-8")
    return at / "code.py"


def saved(model: keras.Model, at: Path) -> Path:
    model.save(at / "bad.keras")
    return at / "bad.keras"


def opened(good: Good) -> keras.Model:
    model: Any = keras.saving.load_model(good.model, compile=False)
    return model
