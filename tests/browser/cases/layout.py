"""The whole screen's structure with stand-ins for its parts."""

import ipywidgets as widgets
from IPython.display import display

from workbench.panels.live_figure import LiveFigure


def classed(widget: widgets.DOMWidget, *names: str) -> widgets.DOMWidget:
    for name in names:
        widget.add_class(name)
    return widget


def chart() -> LiveFigure:
    names = ("original", "before", "after", "budget", "zero", "threshold")
    bars = [
        {"type": "bar", "name": name, "y": [at + 1], "x": [name]}
        | {"marker": {"color": f"var(--wb-{name})"}}
        for at, name in enumerate(names)
    ]
    return LiveFigure(figure={"data": bars, "layout": {}}, alt="bars")


def group(*children: widgets.DOMWidget) -> widgets.DOMWidget:
    return classed(widgets.VBox(children), "wb-group")


def slider(name: str) -> widgets.DOMWidget:
    return classed(
        widgets.FloatSlider(0.5, min=0, max=1, description=name), "wb-slider"
    )


def drawer(name: str) -> widgets.DOMWidget:
    head = widgets.ToggleButton(description=name)
    return classed(widgets.VBox([head, widgets.HTML("inside " * 20)]), "wb-drawer")


rows = "".join(
    f"<tr class='{'wb-selected' if k == 1 else ''}'>"
    f"<td data-label='Layer'>block_{k}/dense/kernel</td>"
    f"<td data-label='Sparsity' class='wb-number'>0.{k}0</td>"
    f"<td data-label='Bits' class='wb-number wb-inherited'>8</td></tr>"
    for k in range(4)
)
table = (
    "<table class='wb-table'><thead><tr><th>Layer</th><th class='wb-number'>Sparsity"
    f"</th><th class='wb-number'>Bits</th></tr></thead><tbody>{rows}</tbody></table>"
)
verdict = (
    "4.1x smaller, -0.3 points (-0.5 to -0.1) "
    "<span class='wb-badge wb-simulated'>simulated</span>"
    "<br><small>24 answers turned wrong, 12 turned right</small>"
)
chips = [
    classed(widgets.ToggleButton(value=k == 0, description=name), "wb-chip")
    for k, name in enumerate(("Sparsity", "Weight bits", "Activation bits"))
]
presets = [widgets.Button(description=n) for n in ("mild", "balanced", "aggressive")]
frame = widgets.VBox(
    [
        classed(
            widgets.HBox(
                [
                    widgets.HTML("<b>demo CNN</b> · Fashion-MNIST · 92.4 %"),
                    classed(widgets.Box(), "wb-grow"),
                    *(widgets.Button(description=n) for n in ("undo", "redo", "save")),
                ]
            ),
            "wb-topbar",
        ),
        classed(widgets.VBox([widgets.HTML(verdict)]), "wb-verdict"),
        classed(
            widgets.VBox(
                [
                    group(classed(widgets.HBox(presets), "wb-presets")),
                    group(slider("sparsity"), slider("weights"), slider("activations")),
                    group(widgets.FloatText(200, description="budget")),
                    group(widgets.Button(description="retrain")),
                ]
            ),
            "wb-controls",
        ),
        classed(widgets.VBox([chart()]), "wb-tradeoff"),
        classed(widgets.HBox([chart(), chart()]), "wb-halves"),
        classed(widgets.HBox([widgets.HTML("idle")]), "wb-status"),
        classed(widgets.HBox([widgets.HTML(table), chart()]), "wb-tables"),
        classed(widgets.VBox([drawer("doctor"), drawer("formula")]), "wb-drawers"),
        classed(
            widgets.VBox(
                [classed(widgets.HBox(chips), "wb-chips"), slider("sparsity")]
            ),
            "wb-bottom",
        ),
    ]
)
display(classed(widgets.VBox([classed(frame, "wb-frame")]), "wb-app"))
