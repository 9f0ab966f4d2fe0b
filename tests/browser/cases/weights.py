"""Live weights with sliders of their own, and with a page's slider followed."""

import ipywidgets as widgets
import numpy as np
from IPython.display import display

from workbench.core.bins import tensor_bins
from workbench.panels.live_weights import LiveWeights, exact_numbers

rng = np.random.default_rng(0)
bins = {
    f"layer_{k}/kernel": tensor_bins(
        rng.normal(0, 0.02 * (k + 1), (200, 200)).astype(np.float32), (1,)
    )
    for k in range(50)
}
own = LiveWeights(bins, selected=["layer_3/kernel"])
slider = widgets.FloatSlider(0, min=0, max=0.99, step=0.01, description="page")
followed = LiveWeights(bins, follow={"sparsity": slider}, scope="global", bits=4)
heard = widgets.Label("heard")
settle = widgets.Button(description="settle")
own.observe(
    lambda _: heard.set_trait("value", f"heard {own.sparsity} {own.bits}"),
    ["sparsity", "bits"],
)
settle.on_click(
    lambda _: own.set_trait(
        "exact",
        exact_numbers(
            own.wish(), sparsity=0.5, sqnr=12.34, threshold=0.01, left=[100] * 121
        ),
    )
)
display(widgets.VBox([own, heard, settle, slider, followed]))
