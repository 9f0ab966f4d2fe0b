"""Weights under a moving slider, drawn by the browser alone.

The kernel sends bins of every tensor once; threshold, histogram, sparsity and SQNR
then follow the hand at the screen's rate, whatever the kernel or the network does.
They are marked as estimated until the kernel's own numbers replace them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import traitlets
from anywidget import AnyWidget

from workbench.core.gates import whole_of
from workbench.frontend import module
from workbench.panels.assets import bring_stylesheet
from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ipywidgets

    from workbench.core.bins import TensorBins

FLOAT_BITS = 32
_WORDS = ("sparsity", "bits", "sqnr", "approximate", "exact")


class Wish(TypedDict):
    """What is asked for; `by` names the one of the first two that counts.

    The others are knobs of `workbench.methods.magnitude` and of
    `workbench.methods.uniform`; 32 bits are float.
    """

    sparsity: float
    threshold: float
    by: Literal["sparsity", "threshold"]
    scope: str
    bits: int
    symmetric: bool
    granularity: str
    range: str


@dataclass(frozen=True)
class Slider:
    """A slider of the widget's own; past 16 bits there is only float."""

    low: float
    high: float
    step: float


OWN_SLIDERS = {"sparsity": Slider(0, 0.99, 0.001), "bits": Slider(2, 17, 1)}


def _packed(tensors: Mapping[str, TensorBins]) -> list[dict[str, Any]]:
    return [
        _packed_tensor(path, tensor) | {"whole": whole_of(path, tensors)}
        for path, tensor in tensors.items()
    ]


def _packed_tensor(path: str, tensor: TensorBins) -> dict[str, Any]:
    """A tensor's groups, and the bins of all of them one after another."""
    groups = tensor.groups
    numbers = {
        name: b"".join(getattr(group.bins, name).tobytes() for group in groups)
        for name in ("edges", "counts", "first", "second")
    }
    ranges = [
        {
            "bins": group.bins.counts.size,
            "largest": group.largest,
            "low": group.low,
            "high": group.high,
        }
        for group in groups
    ]
    whole = {"path": path, "low": tensor.low, "high": tensor.high, "groups": ranges}
    return whole | numbers


class LiveWeights(AnyWidget):
    """Histogram of the selected weights, with what is left of them.

    Other parts of the page hear every tensor's numbers: the window gets an event
    ``workbench:live`` whose detail maps paths to ``{sparsity, sqnr}``.

    Attributes:
        selected: Paths of the tensors in the histogram.
        by: Which of the next two counts, ``sparsity`` or ``threshold``.
        sparsity: Fraction to prune, 0 to 0.999; over all tensors together or over
            each, as `scope` says.
        threshold: Weights below it in magnitude are pruned.
        bits: Bit width, 2 to 16; 32 is float.
        scope: ``lamp``, ``global`` or ``tensor``.
        symmetric: Whether the grid is the narrow signed one.
        granularity: ``channel`` or ``tensor``: what has a scale of its own.
        range: ``minmax`` or ``mse``: what the grid covers.
        exact: What `exact_numbers` made; empty until the kernel has caught up.
        lang: Language of the words.
    """

    _esm = module("live_weights.js")

    tensors = traitlets.List().tag(sync=True)
    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    by = traitlets.Enum(("sparsity", "threshold"), "sparsity").tag(sync=True)
    sparsity = traitlets.Float(0.0, min=0.0, max=0.999).tag(sync=True)
    threshold = traitlets.Float(0.0, min=0.0).tag(sync=True)
    bits = traitlets.Int(FLOAT_BITS, min=2).tag(sync=True)
    scope = traitlets.Enum(("lamp", "global", "tensor"), "lamp").tag(sync=True)
    symmetric = traitlets.Bool(default_value=True).tag(sync=True)
    granularity = traitlets.Enum(("channel", "tensor"), "channel").tag(sync=True)
    range = traitlets.Enum(("minmax", "mse"), "minmax").tag(sync=True)
    lang = traitlets.Unicode("en").tag(sync=True)
    exact = traitlets.Dict().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    sliders = traitlets.Dict().tag(sync=True)
    followed = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        tensors: Mapping[str, TensorBins],
        *,
        follow: dict[str, ipywidgets.DOMWidget] | None = None,
        **traits: Any,
    ) -> None:
        """Send the bins.

        Args:
            tensors: Bins by path; without any nothing is shown.
            follow: Sliders of the page to listen to, by ``sparsity``, ``threshold``
                and ``bits``: in the browser, without asking the kernel. Without any
                the widget has sliders of its own for sparsity and bits.
            **traits: The other attributes.
        """
        bring_stylesheet()
        own = {} if follow else OWN_SLIDERS
        super().__init__(
            tensors=_packed(tensors),
            sliders={name: vars(slider) for name, slider in own.items()},
            followed={name: widget.model_id for name, widget in (follow or {}).items()},
            **({"selected": list(tensors)} | traits),
        )

    @traitlets.default("words")
    def _words_in_lang(self) -> dict[str, str]:
        return {name: say(f"live.{name}", self.lang) for name in _WORDS}

    @traitlets.observe("lang")
    def _translate(self, _: object) -> None:
        self.words = self._words_in_lang()

    def take(self, tensors: Mapping[str, TensorBins]) -> None:
        """Send the bins of other tensors."""
        self.tensors = _packed(tensors)

    def wish(self) -> Wish:
        """What is asked for now."""
        return Wish(**{name: getattr(self, name) for name in Wish.__annotations__})

    def follow(self, wish: Wish, selected: list[str], lang: str) -> None:
        """Take over what the recipe asks for, and of what, as one change."""
        with self.hold_sync():
            self.selected = selected
            self.lang = lang
            for name, value in wish.items():
                self.set_trait(name, value)


def exact_numbers(
    wish: Wish, *, sparsity: float, sqnr: float, threshold: float, left: list[int]
) -> dict[str, Any]:
    """The kernel's numbers of the selected tensors, for `LiveWeights.exact`.

    They are shown as long as the sliders still ask for it.

    Args:
        wish: What they are the numbers of.
        sparsity: Fraction zero, 0 to 1.
        sqnr: In dB; infinite without error.
        threshold: Smallest magnitude kept.
        left: Weights left in each bar, as `workbench.charts.weights` counts them: those
            that a repair or a method has moved lie where they are now.
    """
    return {
        "wish": dict(wish),
        "sparsity": sparsity,
        "sqnr": None if sqnr == float("inf") else sqnr,
        "threshold": threshold,
        "left": left,
    }
