"""Which layer owns which kernels, told from a model's saved configuration alone.

It knows the layers of Keras that own kernels, and the models and wrappers that hold
them. What it does not know it leaves out: a tensor under a wrong address would be worse
than none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.gates import GATES
from workbench.core.saved_layer import (
    class_of,
    config_of,
    folder_of,
    is_layer,
    is_quantized,
    layers_of,
    name_of,
    numbered,
    without_number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.core.saved_layer import Json

_CONVOLUTIONS = {
    f"{before}Conv{axes}D{after}": axes + 2
    for before, after in (
        ("", ""),
        ("", "Transpose"),
        ("Depthwise", ""),
        ("Separable", ""),
    )
    for axes in (1, 2, 3)
}
_RECURRENT = {
    "LSTM": 2,
    "GRU": 2,
    "SimpleRNN": 2,
    "ConvLSTM1D": 3,
    "ConvLSTM2D": 4,
    "ConvLSTM3D": 5,
}
_ATTENTION = {
    "MultiHeadAttention": "{}_dense",
    "GroupedQueryAttention": "_{}_dense",
}
_WRAPPERS = ("TimeDistributed", "SpectralNormalization", "Wrapper")


@dataclass(frozen=True)
class Form:
    """What kernels of a sort have in common.

    Attributes:
        kind: As in `workbench.core.tensor.Site`.
        axes: Number of axes.
        channel_axes: As in `workbench.core.tensor.Site`.
        gates: As in `workbench.core.tensor.Site`.
    """

    kind: str
    axes: int
    channel_axes: tuple[int, ...]
    gates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kernel:
    """A kernel that a model should have.

    Attributes:
        address: Its address.
        names: Names of the layers from outermost to owner, cells included.
        folder: Where the file format of Keras 3 keeps the owner.
        index: Its number among the owner's variables there.
        variable: Names it may have, the present one first.
        form: Its kind and axes.
        layer: Class name of the owner; a cell counts as its RNN.
    """

    address: str
    names: tuple[str, ...]
    folder: str
    index: int
    variable: tuple[str, ...]
    form: Form
    layer: str


@dataclass(frozen=True)
class _Place:
    """Where the walk stands."""

    address: str = ""
    names: tuple[str, ...] = ()
    folder: str = ""

    def part(self, folder: str, name: str, shown: str | None = None) -> _Place:
        """A layer below; it is shown by its name unless another is given."""
        shown = name if shown is None else shown
        return _Place(
            f"{self.address}/{shown}".strip("/"),
            (*self.names, name),
            f"{self.folder}/{folder}".strip("/"),
        )


def kernels(model: Json) -> Iterator[Kernel]:
    """The kernels of a serialized model, in the order of its layers.

    Args:
        model: What Keras wrote: an object with ``class_name`` and ``config``.
    """
    return _graph(model, _Place())


def _graph(model: Json, place: _Place) -> Iterator[Kernel]:
    """The kernels of a functional or sequential model."""
    taken: dict[str, int] = {}
    for entry in layers_of(model):
        if is_layer(entry):
            folder = f"layers/{numbered(folder_of(class_of(entry)), taken)}"
            yield from _layer(entry, place.part(folder, name_of(entry)))


def _layer(entry: Json, place: _Place) -> Iterator[Kernel]:
    """The kernels of a layer and its parts."""
    kind, config = class_of(entry), config_of(entry)
    if layers_of(entry):
        yield from _graph(entry, place)
    elif kind == "Bidirectional":
        yield from _bidirectional(config, place)
    elif kind in _WRAPPERS and "layer" in config:
        yield from _part(config["layer"], place, "layer")
    elif kind == "RNN" and "cell" in config:
        yield from _cell(config["cell"], place, "cell", shown="")
    elif kind in _ATTENTION and not is_quantized(config):
        yield from _attention(_ATTENTION[kind], place)
    else:
        yield from _leaf(kind, config, place)


def _part(entry: Json, place: _Place, folder: str) -> Iterator[Kernel]:
    """The kernels of the only layer in a wrapper."""
    shown = without_number(class_of(entry), name_of(entry))
    yield from _layer(entry, place.part(folder, name_of(entry), shown))


def _bidirectional(config: Json, place: _Place) -> Iterator[Kernel]:
    forward = config["layer"]
    backward = config.get("backward_layer")
    stem = name_of(forward)
    ahead = f"forward_{stem.removeprefix('forward_')}"
    back = f"backward_{stem.removeprefix('backward_')}"
    if backward is not None:
        back = name_of(backward)
    shown = without_number(class_of(backward or forward), back)
    yield from _layer(forward, place.part("forward_layer", ahead))
    yield from _layer(backward or forward, place.part("backward_layer", back, shown))


def _cell(entry: Json, place: _Place, folder: str, shown: str) -> Iterator[Kernel]:
    """The kernels of the cell of an RNN, which goes by the RNN's address."""
    kind, config = class_of(entry), config_of(entry)
    place = place.part(folder, name_of(entry), shown)
    if kind == "StackedRNNCells":
        folders: dict[str, int] = {}
        names: dict[str, int] = {}
        for cell in config["cells"]:
            folder = f"cells/{numbered(folder_of(class_of(cell)), folders)}"
            shown = numbered(without_number(class_of(cell), name_of(cell)), names)
            yield from _cell(cell, place, folder, shown)
    elif kind.endswith("Cell") and kind.removesuffix("Cell") in _RECURRENT:
        yield from _recurrent(kind.removesuffix("Cell"), place, layer="RNN")


def _attention(folder: str, place: _Place) -> Iterator[Kernel]:
    """The four projections; one that is new has its heads and their width."""
    split, joined = Form("einsum", 3, (1, 2)), Form("einsum", 3, (2,))
    for name in ("query", "key", "value"):
        yield _kernel(place.part(folder.format(name), name), "EinsumDense", split)
    below = place.part(folder.format("output"), "attention_output")
    yield _kernel(below, "EinsumDense", joined)


def _leaf(kind: str, config: Json, place: _Place) -> Iterator[Kernel]:
    """The kernels of a layer that owns them."""
    if is_quantized(config):
        return
    if kind == "Dense":
        yield _kernel(place, kind, Form("dense", 2, (1,)))
    elif kind == "Embedding":
        yield _kernel(place, kind, Form("embedding", 2, (0,)), ("embeddings",))
    elif kind == "EinsumDense":
        yield from _einsum(config, place)
    elif kind in _RECURRENT:
        cell = f"{folder_of(kind)}_cell"
        yield from _recurrent(kind, place.part("cell", cell, shown=""), kind)
    else:
        yield from _convolution(kind, place)


def _convolution(kind: str, place: _Place) -> Iterator[Kernel]:
    axes = _CONVOLUTIONS.get(kind, 0)
    depthwise = Form("depthwise", axes, (axes - 2, axes - 1))
    full = Form("conv", axes, (axes - 1,))
    if kind.endswith("Transpose") and axes:
        yield _kernel(place, kind, Form("conv", axes, (axes - 2,)))
    elif kind.startswith("Depthwise") and axes:
        yield _kernel(place, kind, depthwise, ("kernel", "depthwise_kernel"))
    elif kind.startswith("Separable") and axes:
        yield _kernel(place, kind, depthwise, ("depthwise_kernel",))
        yield _kernel(place, kind, full, ("pointwise_kernel",), index=1)
    elif axes:
        yield _kernel(place, kind, full)


def _recurrent(kind: str, cell: _Place, layer: str) -> Iterator[Kernel]:
    axes = _RECURRENT[kind]
    form = Form("recurrent", axes, (axes - 1,), GATES.get(kind, ()))
    for index, name in enumerate(("kernel", "recurrent_kernel")):
        yield _kernel(cell, layer, form, (name,), index=index)


def _einsum(config: Json, place: _Place) -> Iterator[Kernel]:
    equation = str(config.get("equation", "")).replace(" ", "")
    given, _, kernel = equation.partition("->")[0].partition(",")
    if kernel:
        axes = tuple(i for i, letter in enumerate(kernel) if letter not in given)
        form = Form("einsum", len(kernel), axes or (len(kernel) - 1,))
        yield _kernel(place, "EinsumDense", form)


def _kernel(
    place: _Place,
    layer: str,
    form: Form,
    names: tuple[str, ...] = ("kernel",),
    *,
    index: int = 0,
) -> Kernel:
    return Kernel(
        address=f"{place.address}/{names[0]}",
        names=place.names,
        folder=place.folder,
        index=index,
        variable=names,
        form=form,
        layer=layer,
    )
