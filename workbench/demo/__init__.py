"""The demo that ships with the package: three trained models and their data.

Nothing here imports Keras or TensorFlow. The `make_*` modules beside this file are
the scripts that made every file; `models.json` holds the numbers that they measured.
"""

from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.text import say

_FOLDER = Path(__file__).parent
_DATA = {
    "cnn": "fashion_mnist.npz",
    "lenet": "fashion_mnist.npz",
    "lstm": "syllables.npz",
}
_CLOTHES = 10
_SYLLABLES = 6


def names() -> tuple[str, ...]:
    """Return the names of the demo models, the one to show first at the front."""
    return tuple(_DATA)


def paths(name: str) -> tuple[Path, Path]:
    """Return where a demo model and its data lie.

    Args:
        name: One of `names()`.

    Returns:
        The `.keras` file and the `.npz` file (`x_train`, `y_train`, `x_test`,
        `y_test` as uint8, `class_names` as text).

    Raises:
        UserError: If there is no demo of that name.
    """
    _must_exist(name)
    return _FOLDER / f"{name}.keras", _FOLDER / _DATA[name]


def is_demo(model: Any) -> bool:
    """Whether a model is the name of a demo, and not of a file beside it."""
    return isinstance(model, str) and model in _DATA and not Path(model).exists()


def located(model: Any, data: Any) -> tuple[Any, Any]:
    """A model and its data, with the name of a demo turned into its files.

    Args:
        model: What the user gave; anything but the name of a demo stays.
        data: The same; a demo brings its own where there is none.
    """
    if not is_demo(model):
        return model, data
    model_path, data_path = paths(model)
    return model_path, data_path if data is None else data


def class_names(name: str, lang: str = "en") -> tuple[str, ...]:
    """Return what the classes of a demo model mean, by label.

    Args:
        name: One of `names()`.
        lang: Language of the names, `en` or `zh`.

    Returns:
        One name for each label, from label 0 on.

    Raises:
        UserError: If there is no demo of that name.
    """
    _must_exist(name)
    if _DATA[name] == "syllables.npz":
        return tuple(str(count) for count in range(1, _SYLLABLES + 1))
    return tuple(say(f"demo.clothes_{label}", lang) for label in range(_CLOTHES))


def in_language(names: tuple[str, ...], lang: str) -> tuple[str, ...]:
    """Class names of a demo's data in a language; those of other data stay."""
    clothes = next(name for name, data in _DATA.items() if data != "syllables.npz")
    return class_names(clothes, lang) if names == class_names(clothes) else names


def _must_exist(name: str) -> None:
    if name not in _DATA:
        raise UserError("demo.unknown", names=", ".join(_DATA), received=name)
