"""A copy of a model in which some layers are replaced by others."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import keras

from workbench.core.errors import UserError
from workbench.engine.initial import Unset
from workbench.engine.layers import (
    custom_objects,
    first_line,
    is_graph,
    layers,
    variables,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_SHAPES = "build_config"


def rebuild(
    model: keras.Model,
    replacements: Mapping[str, keras.Layer],
    values: Mapping[str, NDArray[Any]],
) -> keras.Model:
    """A copy of a model with other layers in the places of some.

    All layers are made anew from their configuration and take the shapes that follow
    from what enters them. A replacement may be a `keras.Sequential` of several. Shared
    layers stay shared, nested models are gone through.

    Args:
        model: A functional or sequential model; it is not changed.
        replacements: A layer that is not built yet for each address in `layers.layers`
            that is to be replaced. It needs the name of the one it replaces.
        values: Values by address in the copy, in `layers.variables`. Every other
            variable has the value that the model has at the same address.

    Returns:
        The copy, not compiled.

    Raises:
        UserError: If the model has no graph, a layer is not reached by graphs alone, a
            layer cannot be made from its configuration, or a variable has no value of
            its shape.
    """
    if not is_graph(model):
        raise UserError("rebuild.no_graph")
    found = layers(model)
    wanted = {id(found[address]): layer for address, layer in replacements.items()}
    try:
        with (
            keras.saving.custom_object_scope(custom_objects(model)),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            copy = _cloned(model, wanted)
    except Exception as error:  # the user's classes run in there
        raise UserError("rebuild.config", reason=first_line(error)) from error
    there = layers(copy)
    for address, layer in replacements.items():
        if there.get(address) is not layer:
            raise UserError("rebuild.inside", path=address)
    _assign(copy, {**variables(model), **values})
    for layer in there.values():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return copy


def unbuilt_config(layer: keras.Layer) -> dict[str, Any]:
    """A layer's configuration, from which its parts are made without any shapes.

    Keras gives the parts of wrappers the shapes that they had.
    """
    return _without_shapes(layer.get_config())


def _without_shapes(config: Any) -> Any:
    if isinstance(config, dict):
        return {k: _without_shapes(v) for k, v in config.items() if k != _SHAPES}
    return [_without_shapes(v) for v in config] if isinstance(config, list) else config


def _cloned(model: keras.Model, replacements: Mapping[int, keras.Layer]) -> keras.Model:
    """The copy, with layers of some identities replaced, and its initial values."""

    def made(layer: keras.Layer) -> keras.Layer:
        found = replacements.get(id(layer))
        if found is not None:
            return found
        return type(layer).from_config(unbuilt_config(layer))

    with keras.StatelessScope():  # what is made is initialized at its end
        copy: Any = keras.models.clone_model(model, clone_function=made, recursive=True)
        for variable in variables(copy).values():
            variable._initializer = Unset()
    return copy


def _assign(copy: keras.Model, values: Mapping[str, Any]) -> None:
    for address, variable in variables(copy).items():
        value = values.get(address)
        if value is None or tuple(value.shape) != tuple(variable.shape):
            raise UserError("rebuild.no_value", path=address)
        variable.assign(value)
