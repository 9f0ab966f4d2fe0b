"""The walk over a model's layers and variables, and an independent copy of a model.

The address of a variable is the names of the layers from the outermost to its owner,
joined by ``/``, and its own name; the model's name is left out. An RNN's cell counts
as the RNN itself, and what is shared counts once, where it is met first.

Names that Keras numbered by itself differ from process to process in a layer written
by the user, because its parts are made anew each time. Outside of functional and
sequential models, whose files hold the names, such a name is therefore numbered by its
place: ``block/dense/kernel``, ``block/dense_1/kernel``.
"""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import keras
import numpy as np
import tensorflow as tf

from workbench.core.errors import UserError
from workbench.core.store import is_disk_error
from workbench.engine.initial import Given

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from numpy.typing import NDArray

_NUMBER = re.compile(r"_\d+$")
_PAINT = re.compile(r"\x1b\[[\d;]*m")
_NODE = re.compile(r"\{\{[^}]*\}\} *")
_INNER = "Exception encountered: "
_LONGEST_REASON = 200


def layers(model: keras.Model) -> dict[str, keras.Layer]:
    """Every layer below a model by address, owners before their parts.

    The cell of an RNN is not listed: it goes by the RNN's address.
    """
    found: dict[str, keras.Layer] = {}
    for address, layer, is_cell in _walk(model):
        if not is_cell:
            found[_free(address, found)] = layer
    return found


def variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Every weight of a model by address, in the order of `layers`.

    Seeds, metrics and optimizers are not among them. A copy by `clone` has the same
    addresses.
    """
    found: dict[str, keras.Variable] = {}
    for address, _, variable in owned(model):
        found[address] = variable
    return found


def owned(
    model: keras.Model,
) -> Iterator[tuple[str, keras.Layer, keras.Variable]]:
    """Every weight once: its address, the layer that owns it, and itself.

    The owner of a cell's weight is the cell.
    """
    taken: dict[str, object] = {}
    seen: set[int] = set()
    places = [("", model), *((address, layer) for address, layer, _ in _walk(model))]
    for place, layer in places:
        below = {id(v) for part in parts(layer) for v in part.weights}
        for variable in layer.weights:
            if id(variable) in below or id(variable) in seen:
                continue
            seen.add(id(variable))
            address = _free(f"{place}/{variable.name}".lstrip("/"), taken)
            taken[address] = variable
            yield address, layer, variable


def parts(layer: keras.Layer) -> list[keras.Layer]:
    """The layers directly below a layer."""
    if isinstance(layer, keras.Model):
        return list(layer.layers)
    return list(layer._flatten_layers(include_self=False, recursive=False))


def clone(model: keras.Model) -> keras.Model:
    """An independent copy with equal weights, not compiled.

    Weights share their memory until one of the two is assigned others. A model of
    Keras's own layers is made anew from its configuration. Any other goes through a
    file, as a result that is saved will: what Keras could not open again is refused
    here. Classes and functions of the user come along by name.

    Raises:
        UserError: If Keras cannot save the model or open what it saved.
    """
    shapes = _shapes(model)
    try:
        with (
            keras.saving.custom_object_scope(custom_objects(model)),
            warnings.catch_warnings(),
        ):
            # Code in a layer, an older NumPy protocol: no news for who has the model.
            warnings.simplefilter("ignore")
            copy = _rebuilt(model)
            if copy is None or _shapes(copy) != shapes:
                copy = _reopened(model)
    except Exception as error:  # the user's classes run in there
        if isinstance(error, OSError) and is_disk_error(error):
            raise
        raise UserError("open.clone", reason=first_line(error)) from error
    copied = _shapes(copy)
    if copied != shapes:
        different = next(iter(dict(shapes.items() ^ copied.items())))
        raise UserError("open.clone", reason=f"{different} differs")
    return copy


def pack(model: keras.Model, arrays: Sequence[Any]) -> Any:
    """Arrays in the model's order as what the model is called with.

    One input is the array alone; a functional model's dictionary or list of inputs is
    rebuilt; a model without declared inputs gets a list.
    """
    if is_graph(model) and not isinstance(model, keras.Sequential):
        return keras.tree.pack_sequence_as(model.input, list(arrays))
    return arrays[0] if len(arrays) == 1 else list(arrays)


def called(model: keras.Model, arrays: Sequence[Any], *, training: bool = False) -> Any:
    """What a model gives, however it holds that: its output, or a list of several.

    Args:
        model: The model.
        arrays: Its inputs, in its order.
        training: Whether its layers behave as in training.
    """
    outputs = cast("Any", model)(pack(model, arrays), training=training)
    flat = keras.tree.flatten(outputs)
    return flat[0] if len(flat) == 1 else flat


def values_of(tensor: Any) -> NDArray[Any]:
    """The values of a variable or tensor, in its own memory and not to be written to.

    A variable that is assigned others takes new memory: these values stay.
    """
    values: Any = tf.convert_to_tensor(tensor)
    try:
        return np.asarray(memoryview(values))
    except (TypeError, ValueError, BufferError):
        # A type that NumPy does not know, or memory of another device.
        return values.numpy()


def custom_objects(model: keras.Model) -> dict[str, Any]:
    """The user's classes and functions that a model is made of, by name."""
    found: dict[str, Any] = {}
    for _, layer, _ in [("", model, False), *_walk(model)]:
        for kind in (type(layer), *_functions(layer)):
            if kind.__module__.split(".")[0] != "keras":
                found[kind.__name__] = kind
    return found


def first_line(error: Exception) -> str:
    """The first line of an error's text, shortened; its class where it has none.

    Keras paints some of its errors and appends whole configurations; TensorFlow begins
    some with the name of a node.
    """
    text = _NODE.sub("", _PAINT.sub("", str(error)))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    inner = [line for line in lines if line.startswith(_INNER)]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        inner = lines[1:]
    line = (inner or lines or [type(error).__name__])[0].removeprefix(_INNER)
    shown = line.partition(" using config=")[0]
    if len(shown) > _LONGEST_REASON:
        shown = shown[:_LONGEST_REASON].rstrip() + " ..."
    return shown.rstrip(".:")


def _walk(model: keras.Model) -> Iterator[tuple[str, keras.Layer, bool]]:
    """Address, layer and whether it is the cell of an RNN, depth first, each once."""
    return _below(model, "", {id(model)})


def _below(
    layer: keras.Layer, address: str, seen: set[int]
) -> Iterator[tuple[str, keras.Layer, bool]]:
    below = parts(layer)
    for part, name in zip(below, _names(layer, below), strict=True):
        if id(part) in seen:
            continue
        seen.add(id(part))
        is_cell = isinstance(layer, keras.layers.RNN) and part is layer.cell
        place = address if is_cell else f"{address}/{name}".lstrip("/")
        yield place, part, is_cell
        yield from _below(part, place, seen)


def _names(layer: keras.Layer, below: list[keras.Layer]) -> list[str]:
    if is_graph(layer):
        return [part.name for part in below]
    taken: dict[str, object] = {}
    names: list[str] = []
    for part in below:
        names.append(_free(_without_number(part), taken))
        taken[names[-1]] = part
    return names


def is_graph(layer: keras.Layer) -> bool:
    """Whether a layer is a functional or a built sequential model."""
    return isinstance(layer, keras.Sequential) or (
        isinstance(layer, keras.Model) and hasattr(layer, "operations")
    )


def _without_number(layer: keras.Layer) -> str:
    """A layer's name, without the number where Keras made the name up."""
    plain = type(layer).__name__.replace("_", "").lower()
    stem = _NUMBER.sub("", layer.name)
    for name in (layer.name, stem):
        if name.replace("_", "").lower() == plain:
            return name
    return layer.name


def _free(address: str, taken: Container[str]) -> str:
    """The address, numbered where it is taken."""
    candidate, number = address, 0
    while candidate in taken:
        number += 1
        candidate = f"{address}_{number}"
    return candidate


def _shapes(model: keras.Model) -> dict[str, tuple[int, ...]]:
    return {address: tuple(v.shape) for address, v in variables(model).items()}


def _rebuilt(model: keras.Model) -> keras.Model | None:
    """A copy made of the configuration; None where that and weights are not all.

    Initializers do not run: drawing the weights of a large model takes seconds.
    """
    if not is_plain(model):
        return None
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    given = variables(model)
    with keras.StatelessScope():  # what is made in it is initialized at its end
        copy: Any = keras.saving.deserialize_keras_object(
            config | {"compile_config": None}, safe_mode=False
        )
        for address, variable in variables(copy).items():
            if address in given:
                variable._initializer = Given(given[address])
    return copy


def _reopened(model: keras.Model) -> keras.Model:
    """A copy that went through a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "copy.keras"
        model.save(file)
        copy: Any = keras.saving.load_model(file, compile=False, safe_mode=False)
    return copy


def is_plain(model: keras.Model) -> bool:
    """Whether a model is made of Keras's own layers, without state but its weights."""
    return all(map(_is_plain, (model, *(layer for _, layer, _ in _walk(model)))))


def _is_plain(layer: keras.Layer) -> bool:
    is_own = type(layer).__module__.split(".")[0] == "keras"
    is_adapted = hasattr(layer, "finalize_state")
    return is_own and not is_adapted and not getattr(layer, "quantization_mode", None)


def _functions(layer: keras.Layer) -> list[Callable[..., Any]]:
    values = list(vars(layer).values())
    return [v for v in values if type(v).__name__ == "function" and v.__name__]
