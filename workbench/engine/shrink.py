"""A model that is really smaller by the channels that are gone from it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from workbench.core.errors import UserError
from workbench.core.groups import cut, cuts_of, groups_of
from workbench.core.network import array_digest
from workbench.core.shrinking import shrunken
from workbench.engine.graph import flatten
from workbench.engine.groups import with_groups
from workbench.engine.layers import clone, layers, owned, pack, variables
from workbench.engine.macs import macs
from workbench.engine.outputs import places
from workbench.engine.realize import realize
from workbench.engine.rebuild import rebuild, unbuilt_config
from workbench.engine.sites import sites

if TYPE_CHECKING:
    from workbench.core.groups import Cuts
    from workbench.core.network import Network
    from workbench.engine.workload import Workload

_L = keras.layers
_SIZES = ("units", "filters", "output_dim")
_SAMPLES = 32
# What the order of additions may change, of the largest output.
_TOLERANCE = {"float16": 2e-2, "bfloat16": 1e-1}
_USUAL_TOLERANCE = 1e-4


def shrink(workload: Workload, network: Network) -> tuple[Workload, Network]:
    """The model and the network without the channels of which no weight is left.

    Both compute the same, to float error; that is tried on real samples each time.

    Args:
        workload: Where the network comes from; it is not changed.
        network: Its kernels after a recipe, or a retraining that kept its zeros.

    Returns:
        A workload of the smaller model with the same data, and the network cut to it;
        what was given where nothing is gone.

    Raises:
        UserError: If Keras cannot make the smaller model, or it computes otherwise.
    """
    cuts = cuts_of(groups_of(workload.sites), network)
    if not cuts:
        return workload, network
    values = {
        path: cut(np.asarray(values), path, cuts)
        for path, values in variables(workload.model).items()
    }
    source = clone(workload.model)  # Not compiled.
    model = rebuild(source, _smaller(source, cuts), values)
    small = _of(workload, model, cuts)
    result = shrunken(network, cuts)
    _compare(workload, realize(workload, network), realize(small, result))
    return small, result


def _smaller(model: keras.Model, cuts: Cuts) -> dict[str, keras.Layer]:
    """Layers with fewer units or filters, by address of what they replace."""
    lost = _lost(model, cuts)
    made: dict[str, keras.Layer] = {}
    for address, layer in layers(model).items():
        parts = _inside(layer)
        count = lost.get(id(next(iter(parts.values()))), 0)
        is_inside = address.rpartition("/")[0] in made  # Made by what is around it.
        if count and not is_inside:
            config = unbuilt_config(layer)
            for name in parts:
                # The way back of a bidirectional layer may be made as the way there.
                if name in config or not name:
                    own = config[name]["config"] if name else config
                    own[next(size for size in _SIZES if size in own)] -= count
            made[address] = type(layer).from_config(config)
    return made | _following(model)


def _following(model: keras.Model) -> dict[str, keras.Layer]:
    """Reshaping layers that take the length of the last axis from what enters them."""
    graph = flatten(model)
    made: dict[str, keras.Layer] = {}
    for call in graph.calls if graph else ():
        layer = call.operation
        if isinstance(layer, _L.Reshape) and -1 not in layer.target_shape:
            shape = (*layer.target_shape[:-1], -1)
            config = layer.get_config() | {"target_shape": shape}
            made[call.path] = type(layer).from_config(config)
    return made


def _inside(layer: Any) -> dict[str, keras.Layer]:
    """The layers that have a layer's size, by their name in its configuration."""
    if isinstance(layer, _L.Bidirectional):
        return {"layer": layer.forward_layer, "backward_layer": layer.backward_layer}
    return (
        {"layer": layer.layer} if isinstance(layer, _L.TimeDistributed) else {"": layer}
    )


def _lost(model: keras.Model, cuts: Cuts) -> dict[int, int]:
    """How many outputs go, by identity of the layer that makes them."""
    cells = {
        id(layer.cell): layer for layer in _all(model) if isinstance(layer, _L.RNN)
    }
    lost: dict[int, int] = {}
    for path, owner, variable in owned(model):
        layer = cells.get(id(owner), owner)
        axis = _outputs_axis(owner, variable)
        places = None if axis is None else cuts.get((path, axis))
        if places is not None:
            lost[id(layer)] = len(places)
    return lost


def _all(model: keras.Model) -> list[keras.Layer]:
    return list(model._flatten_layers(include_self=False, recursive=True))


def _outputs_axis(layer: Any, variable: keras.Variable) -> int | None:
    """The axis of a layer's variable that has one entry for each of its outputs."""
    last = len(variable.shape) - 1
    name = variable.name
    if name == "recurrent_kernel":
        return 0
    if isinstance(layer, (_L.LSTMCell, _L.GRUCell, _L.SimpleRNNCell)):
        return None
    if isinstance(layer, (_L.Conv1DTranspose, _L.Conv2DTranspose, _L.Conv3DTranspose)):
        return last - 1 if name == "kernel" else None
    if isinstance(layer, (_L.DepthwiseConv1D, _L.DepthwiseConv2D)):
        return None
    return last if name in {"kernel", "pointwise_kernel", "embeddings"} else None


def _of(workload: Workload, model: keras.Model, cuts: Cuts) -> Workload:
    """A workload of the smaller model, with all that hangs on its shapes."""
    example = workload.data.test
    counted = macs(model, example.x if example else None)
    kernels = with_groups(model, sites(model, counted))
    weights = {p: cut(v, p, cuts) for p, v in workload.weights.items()}
    digests = {path: array_digest(values) for path, values in weights.items()}
    parts = "\n".join([workload.digest, *digests.values()])
    return replace(
        workload,
        model=model,
        sites=kernels,
        places=places(model),
        weights=weights,
        others={p: cut(v, p, cuts) for p, v in workload.others.items()},
        digests=digests,
        digest=hashlib.sha256(parts.encode()).hexdigest(),
    )


def _compare(workload: Workload, masked: keras.Model, small: keras.Model) -> None:
    """See that two models give the same outputs for real samples."""
    x = workload.examples(_SAMPLES)
    pairs = zip(*(_outputs(model, x) for model in (masked, small)), strict=True)
    tolerance = max(
        (
            _TOLERANCE.get(layer.compute_dtype, _USUAL_TOLERANCE)
            for layer in _all(masked)
        ),
        default=_USUAL_TOLERANCE,
    )
    for one, two in pairs:
        gap = float(np.abs(one - two).max(initial=0))
        if not gap <= tolerance * max(float(np.abs(one).max(initial=0)), 1.0):
            raise UserError("structure.differs", gap=f"{gap:.3g}")


def _outputs(model: keras.Model, x: list[Any]) -> list[Any]:
    made = keras.tree.flatten(model(pack(model, x), training=False))
    return [np.asarray(output, np.float32) for output in made]
