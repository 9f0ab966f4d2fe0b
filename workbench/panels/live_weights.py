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

from workbench.frontend import module
from workbench.panels.assets import bring_stylesheet
from workbench.text import say

if TYPE_CHECKING:
    import ipywidgets

    from workbench.core.bins import WeightBins

FLOAT_BITS = 32
_WORDS = ("sparsity", "sqnr", "approximate", "exact")


class Wish(TypedDict):
    """What the sliders ask for; `by` names the one of the two that counts."""

    by: Literal["sparsity", "threshold"]
    sparsity: float
    threshold: float
    bits: int


@dataclass(frozen=True)
class Slider:
    """A slider of the widget's own; past 16 bits there is only float."""

    low: float
    high: float
    step: float


OWN_SLIDERS = {"sparsity": Slider(0, 0.99, 0.001), "bits": Slider(2, 17, 1)}


def _packed(tensors: dict[str, WeightBins], fractions: dict[str, float]) -> Any:
    return [
        {
            "path": path,
            "fraction": fractions.get(path, 1.0),
            "edges": bins.edges.tobytes(),
            "counts": bins.counts.tobytes(),
            "first": bins.first.tobytes(),
            "second": bins.second.tobytes(),
        }
        for path, bins in tensors.items()
    ]


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
        symmetric: Whether the grid is the narrow signed one. The estimate takes one
            scale for a tensor, also where the kernel takes one for a channel.
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
    lang = traitlets.Unicode("en").tag(sync=True)
    exact = traitlets.Dict().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    sliders = traitlets.Dict().tag(sync=True)
    followed = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        tensors: dict[str, WeightBins],
        *,
        follow: dict[str, ipywidgets.DOMWidget] | None = None,
        fractions: dict[str, float] | None = None,
        **traits: Any,
    ) -> None:
        """Send the bins once.

        Args:
            tensors: Bins by path.
            follow: Sliders of the page to listen to, by ``sparsity``, ``threshold``
                and ``bits``: in the browser, without asking the kernel. Without any
                the widget has sliders of its own for sparsity and bits.
            fractions: Part of each tensor's range that its grid covers; 1 where none
                is given.
            **traits: The other attributes.
        """
        bring_stylesheet()
        lang = traits.get("lang", "en")
        own = {} if follow else OWN_SLIDERS
        super().__init__(
            tensors=_packed(tensors, fractions or {}),
            words={name: say(f"live.{name}", lang) for name in _WORDS},
            sliders={
                name: {**vars(slider), "label": say(f"live.{name}", lang)}
                for name, slider in own.items()
            },
            followed={name: widget.model_id for name, widget in (follow or {}).items()},
            **({"selected": list(tensors)} | traits),
        )

    def wish(self) -> Wish:
        """What the sliders ask for now."""
        return Wish(
            by="threshold" if self.by == "threshold" else "sparsity",
            sparsity=self.sparsity,
            threshold=self.threshold,
            bits=self.bits,
        )

    def settle(
        self, wish: Wish, *, sparsity: float, sqnr: float, threshold: float
    ) -> None:
        """Give the exact numbers of the selected tensors for a wish.

        They are shown as long as the sliders still ask for it.

        Args:
            wish: What they are the numbers of.
            sparsity: Fraction zero, 0 to 1.
            sqnr: In dB; infinite without error.
            threshold: Smallest magnitude kept.
        """
        self.exact = {
            "wish": dict(wish),
            "sparsity": sparsity,
            "sqnr": None if sqnr == float("inf") else sqnr,
            "threshold": threshold,
        }
