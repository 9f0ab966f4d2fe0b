"""The dashboard: every panel around one session, in JupyterLab and Voilà alike."""

from __future__ import annotations

import os
import threading
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench import demo
from workbench.core.errors import UserError
from workbench.memory import notebook_session
from workbench.panels.address import Address, initial_query
from workbench.panels.drawers import drawers
from workbench.panels.figures import live_chart, sparsity, tradeoff
from workbench.panels.layer_table import layer_table
from workbench.panels.retraining import retraining
from workbench.panels.saving import saving
from workbench.panels.scope import Scope, close_tree, show_or_hide
from workbench.panels.settings import settings
from workbench.panels.status import status
from workbench.panels.topbar import topbar
from workbench.panels.verdict import verdict
from workbench.serve import DATA_VARIABLE, MODEL_VARIABLE
from workbench.session import Session
from workbench.text import LANGUAGES

if TYPE_CHECKING:
    from workbench.panels.controls import Control


# A page of its own is there for certain; a notebook's cell may be run without one.
PAGE_PATIENCE_S, PATIENCE_S = 10.0, 1.0
_OF_A_LINK = ("recipe", "budget", "select")


class Dashboard(ipywidgets.VBox):
    """The whole screen.

    Args:
        model: As `workbench.Session` takes it; None for the demo, or for what
            ``workbench dashboard MODEL`` was given.
        data: As `workbench.Session` takes it.
        lang: Language; None takes the address's, else English.
        name: Name of a session to go on with; None takes the address's, in
            JupyterLab the notebook's last one.
        **options: Further arguments of `workbench.Session`.

    Attributes:
        session: The session behind the screen.
    """

    _scope: Scope | None = None

    def __init__(
        self,
        model: Any = None,
        data: Any = None,
        *,
        lang: str | None = None,
        name: str | None = None,
        **options: Any,
    ) -> None:
        """Open the session and draw."""
        super().__init__()
        self.add_class("wb-app")
        query = initial_query()
        self._address = Address()
        self._options = options
        self._demos: tuple[str, ...] = ()
        if model is None:
            model, data = os.environ.get(MODEL_VARIABLE), os.environ.get(DATA_VARIABLE)
        if model is None:
            self._demos = demo.names()
            model = query.get("demo", self._demos[0])
            model = model if model in self._demos else self._demos[0]
        lang = lang or query.get("lang", "en")
        name = name or query.get("session") or _notebook_session(model, data)
        self._open(model, data, name, lang if lang in LANGUAGES else "en", query)

    def _open(
        self, model: Any, data: Any, name: str | None, lang: str, query: dict[str, str]
    ) -> None:
        try:
            patience_s = PAGE_PATIENCE_S if _is_page() else PATIENCE_S
            options = {"patience_s": patience_s, **self._options}
            self.session = Session(model, data, name=name, lang=lang, **options)
        except UserError as error:
            message = ipywidgets.HTML(
                f'<p class="wb-error-note">{escape(error.text(lang))}</p>'
            )
            self._show(message)
            return
        self.session.follow(query)
        self._build()
        self.session.observe(lambda _: self._write_address(), ["lang", "selection"])
        self._write_address()

    def _build(self) -> None:
        """Draw every panel."""
        if self._scope is not None:
            self._scope.close()
        scope = self._scope = Scope(self.session, self._address)
        left = settings(scope)
        save, saving_group = saving(scope)
        training = retraining(scope)

        def box(name: str, *children: ipywidgets.Widget) -> ipywidgets.VBox:
            return scope.make(ipywidgets.VBox, children, name=name)

        controls = box("wb-controls", saving_group, *left.groups, training)
        plot = tradeoff(scope)
        plot.add_class("wb-tradeoff")
        weights = live_chart(scope, "weights", "before", "selection", "weights")
        scores = live_chart(scope, "accuracy", "before", "after", "original", "recipe")
        table, zeros, below = layer_table(scope), sparsity(scope), drawers(scope)
        frame = box(
            "wb-frame",
            topbar(scope, self._demos, self._choose_demo, save),
            verdict(scope),
            controls,
            plot,
            box("wb-halves", weights, scores),
            status(scope),
            box("wb-tables", table, zeros),
            below,
            _bottom(scope, left.sliders),
        )
        self._show(self._address, frame)
        parts = {name: slider.widget for name, slider in left.sliders.items()}
        parts |= left.parts
        parts |= {
            "retraining": training,
            "save": save,
            "tradeoff": plot,
            "weights": weights,
            "accuracy": scores,
            "table": table,
            "zeros": zeros,
            "drawers": below,
        }

        @scope.watch("view")
        def hide() -> None:
            hidden = self.session.view.get("hide", ())
            for name, part in parts.items():
                show_or_hide(part, is_shown=name not in hidden)

    def _show(self, *children: ipywidgets.Widget) -> None:
        """Put widgets on the screen in place of those that are there, for good."""
        gone = [child for child in self.children if child not in children]
        self.children = children
        for child in gone:
            close_tree(child)

    def close(self) -> None:
        """End the session, and take the screen away in the page and the kernel."""
        if self._scope is not None and self.comm is not None:
            self._scope.close()
            self._scope.session.close()
            self._show()
            close_tree(self._address)
            self.layout.close()
        super().close()

    def __del__(self) -> None:
        """Wait for no thread: they are gone already where Python ends."""
        super().close()

    def _choose_demo(self, name: str) -> None:
        lang = self.session.lang
        # What runs may take a while to stop; the page does not wait for it.
        threading.Thread(target=self.session.close, daemon=True).start()
        self._open(name, None, None, lang, {})

    def _write_address(self) -> None:
        session = self.session
        # What a link asked for is done; a reload goes on from what came of it.
        taken = {} if not session.name else dict.fromkeys(_OF_A_LINK, "")
        self._address.write(
            session=session.name, lang=session.lang, demo=session.demo or "", **taken
        )


def dashboard(model: Any = None, data: Any = None, **options: Any) -> Dashboard:
    """The workbench as a widget.

    Args:
        model: A ``keras.Model``, a path, or the name of a demo; None for the demo.
        data: Arrays, a dict of them, a ``tf.data.Dataset`` or a path.
        **options: Further arguments of `Dashboard`.
    """
    if isinstance(model, Path | str) and model not in demo.names():
        model = Path(model)
    return Dashboard(model, data, **options)


def _is_page() -> bool:
    """Whether this kernel was started for a page of Voilà."""
    return "VOILA_REQUEST_URL" in os.environ


def _notebook_session(model: Any, data: Any) -> str | None:
    """In JupyterLab the session of this notebook; None for a new one."""
    notebook = os.environ.get("JPY_SESSION_NAME")
    if notebook is None or _is_page():
        return None
    try:
        return notebook_session(f"{notebook} {model} {data}")
    except UserError:
        return None  # The session says it when it cannot be written either.


def _bottom(scope: Scope, sliders: dict[str, Control]) -> ipywidgets.Widget:
    """A phone's bottom bar: chips choose which slider stays in view."""
    holder = scope.make(ipywidgets.VBox)
    chips = []

    def choose(name: str) -> None:
        holder.children = (sliders[name].widget,)
        for chip, one in zip(chips, sliders, strict=True):
            (chip.add_class if one == name else chip.remove_class)("mod-active")

    for name in sliders:
        chip = scope.make(ipywidgets.Button, name="wb-chip")
        scope.words(chip, description=f"screen.chip.{name}")
        chip.on_click(lambda _, name=name: choose(name))
        chips.append(chip)
    choose("sparsity")

    @scope.watch("view")
    def hide() -> None:
        hidden = scope.session.view.get("hide", ())
        for chip, name in zip(chips, sliders, strict=True):
            show_or_hide(chip, is_shown=name not in hidden)

    row = scope.make(ipywidgets.HBox, chips, name="wb-chips")
    return scope.make(ipywidgets.VBox, [row, holder], name="wb-bottom")
