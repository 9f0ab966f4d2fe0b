"""The ``.wbz`` exporter and its reader: the fewest bytes that decode bit for bit."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from workbench.core.bitstream import Place, check_size, decode, encode
from workbench.core.coded import stream_bytes
from workbench.core.errors import UserError
from workbench.core.groups import cut, cuts_of, groups_of
from workbench.core.network import array_digest
from workbench.core.quantity import Quantity
from workbench.core.shrinking import shrunken
from workbench.core.store import write_atomic
from workbench.core.symbols import leaves
from workbench.core.tensor import CompressedTensor
from workbench.export.artifact import Artifact, ExportJob, Note, checks, exporters
from workbench.export.wbz_file import check_config, entries, opened, packed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import keras
    from numpy.typing import NDArray

    from workbench.core.affine import Grid
    from workbench.core.network import Network
    from workbench.core.recipe import Recipe
    from workbench.engine.workload import Workload

_SAMPLES = 64
_bare: WeakKeyDictionary[keras.Model, int] = WeakKeyDictionary()


@exporters.add("wbz")
def wbz(job: ExportJob) -> Artifact:
    """Every value entropy-coded, with the architecture; `unpack` gives the model back.

    Raises:
        UserError: If the model carries code, or the file does not give it back.
    """
    from workbench.engine.layers import custom_objects
    from workbench.engine.realize import realize

    small = job.shrunk()
    model = realize(small.workload, small.network)
    known = custom_objects(job.workload.model)
    content = pack(model, small.network, known)
    _compare(job, model, unpack(content, known)[0])
    path = job.folder / "model.wbz"
    write_atomic(path, content)
    return Artifact(
        path,
        "wbz",
        Quantity(len(content), "bytes", "in file"),
        largest_gap=0.0,
        notes=(Note.of("size.unpacking", file=path.name),),
    )


def check_code(workload: Workload, recipe: Recipe) -> None:  # noqa: ARG001
    """Refuse a model that carries code.

    Raises:
        UserError: If it does.
    """
    from workbench.engine.layers import custom_objects

    check_config(_config(workload.model), custom_objects(workload.model))


checks["wbz"] = (check_code,)


def pack(model: keras.Model, network: Network, known: Mapping[str, Any]) -> bytes:
    """The bytes of a file.

    Args:
        model: A network as a Keras model.
        network: The network: how the values are coded.
        known: The user's classes and functions in the model, by name.

    Raises:
        UserError: If the model carries code.
    """
    from workbench.engine.layers import values_of, variables

    config = _config(model)
    check_config(config, known)
    coded = _Coded(network)
    values = [coded.find(p, values_of(v)) for p, v in variables(model).items()]
    return packed(config, network.activations, encode(values))


def predicted(workload: Workload, network: Network) -> Quantity:
    """Bytes that the file of a network will take, without making it.

    Args:
        workload: The model that it comes from.
        network: The network.
    """
    from workbench.engine.layers import variables

    others = {**workload.others, **(network.others or {})}
    cuts = cuts_of(groups_of(workload.sites), network) if network.tensors else {}
    if cuts:
        network = shrunken(network, cuts)
        others = {path: cut(values, path, cuts) for path, values in others.items()}
    held = {**others, **network.tensors}
    place = {path: at for at, path in enumerate(variables(workload.model))}
    paths = sorted(held, key=lambda path: place.get(path, len(place)))
    stream = stream_bytes(held[path] for path in paths)
    grids = len(packed({}, network.activations, b"")) - len(packed({}, {}, b""))
    total = _bare_bytes(workload.model) + grids + stream
    return Quantity(total, "bytes", "estimated")


def _bare_bytes(model: keras.Model) -> int:
    """Bytes of a file of a model without values; computed once for each model."""
    known = _bare.get(model)
    if known is None:
        known = _bare[model] = len(packed(_config(model), {}, b""))
    return known


def unpack(
    content: bytes, known: Mapping[str, Any] | None = None
) -> tuple[keras.Model, dict[str, Grid]]:
    """The Keras model in a file, and the grids of its activations.

    Args:
        content: The file's bytes.
        known: The user's classes and functions, by name.

    Raises:
        UserError: If it is no such file, is damaged or hostile, or something of the
            user's is missing. Nothing of any size is kept then.
    """
    import keras
    from keras.src.backend.common import global_state

    from workbench.engine.initial import Given
    from workbench.engine.layers import first_line, layers, variables

    config, grids, stream = opened(content)
    check_config(config, known or {})
    pending = "uninitialized_variables"
    try:
        with (
            warnings.catch_warnings(),
            # Variables that are made in it have shapes, but no memory yet.
            keras.StatelessScope(initialize_variables=False),
            keras.saving.custom_object_scope(dict(known or {})),
        ):
            warnings.simplefilter("ignore")
            model: Any = keras.saving.deserialize_keras_object(config, safe_mode=True)
            made = global_state.get_global_attribute(pending) or []
            check_size(stream, [_place(variable) for variable in made])
            found = list(variables(model).values())
            places = [_place(variable) for variable in found]
            for variable, value in zip(found, decode(stream, places), strict=True):
                variable._initializer = Given(_array(value))
        for variable in made:
            variable._deferred_initialize()
        for layer in layers(model).values():
            if hasattr(layer, "finalize_state"):
                layer.finalize_state()
    except UserError:
        raise
    except Exception as error:  # a configuration may ask for anything
        raise UserError("size.no_model", reason=first_line(error)) from error
    finally:
        global_state.set_global_attribute(pending, [])
    return model, grids


class _Coded:
    """The compressed tensors of a network, by what their values are.

    A realized model may have other names and more layers than the original, where a
    kernel is a product of factors.
    """

    def __init__(self, network: Network) -> None:
        self._tensors = network.tensors
        self._leaves = {
            array_digest(leaf.dense): leaf
            for tensor in network.tensors.values()
            for leaf in leaves(tensor)
        }

    def find(self, path: str, values: NDArray[Any]) -> CompressedTensor | NDArray[Any]:
        """How a variable's values are coded; the values where nothing says so."""
        own = self._tensors.get(path)
        if own is not None and own.dense.shape == values.shape:
            dense = own.dense.astype(values.dtype)
            if dense.tobytes() == values.tobytes():
                return own
        return self._leaves.get(array_digest(values), values)


def _config(model: keras.Model) -> dict[str, Any]:
    """A model's architecture as JSON values, without how it was trained."""
    import keras

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    _fill_vocabularies(config, model)
    return {key: value for key, value in config.items() if key != "compile_config"}


def _fill_vocabularies(config: dict[str, Any], model: keras.Model) -> None:
    """Write down what lookups know by `adapt`, which Keras keeps in a file beside."""
    from workbench.engine.layers import layers

    known = {
        layer.name: layer
        for layer in layers(model).values()
        if hasattr(layer, "get_vocabulary")
    }
    for entry in entries(config) if known else ():
        inner = entry.get("config")
        if not isinstance(inner, dict) or inner.get("name") not in known:
            continue
        if inner.get("vocabulary") is None:
            words = known[inner["name"]].get_vocabulary(include_special_tokens=False)
            inner["vocabulary"] = np.array(words).tolist()


def _place(variable: Any) -> Place:
    return Place(tuple(int(side) for side in variable.shape), variable.dtype)


def _array(value: CompressedTensor | NDArray[Any]) -> NDArray[Any]:
    return value.dense if isinstance(value, CompressedTensor) else value


def _compare(job: ExportJob, model: keras.Model, again: keras.Model) -> None:
    """See that the file's model says the same to the last bit."""
    import keras

    from workbench.engine.layers import pack as as_inputs
    from workbench.engine.layers import values_of

    split = job.workload.data.test or job.workload.data.train
    if split is None:
        return
    x = [array[:_SAMPLES] for array in split.x]
    said = [
        [
            values_of(part).tobytes()
            for part in keras.tree.flatten(one(as_inputs(one, x), training=False))
        ]
        for one in (model, again)
    ]
    if said[0] != said[1]:
        raise UserError("size.differs")
