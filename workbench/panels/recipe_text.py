"""The recipe as text: read it, edit it, load it, save it, link to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import ipywidgets

from workbench.core.errors import UserError
from workbench.core.recipe import Recipe

if TYPE_CHECKING:
    from workbench.panels.scope import Scope


def recipe_text(scope: Scope) -> ipywidgets.Widget:
    """A text area that follows the recipe, and buttons."""
    session = scope.session
    area = scope.make(
        ipywidgets.Textarea, rows=14, layout={"width": "auto"}, name="wb-number"
    )
    use = _button(scope, "use")
    get = _button(scope, "download")
    link = _button(scope, "link")
    file = scope.make(
        ipywidgets.FileUpload,
        accept=".yaml,.yml,.json",
        layout={"width": "auto"},
        name="wb-upload",
    )
    scope.words(file, description="screen.recipe.load", tooltip="screen.recipe.load")

    def load(text: str) -> None:
        try:
            session.edit(Recipe.loads(text))
        except UserError as error:
            session.fail(error)

    def uploaded(change: dict[str, Any]) -> None:
        for one in change["new"]:
            load(bytes(one["content"]).decode("utf-8", "replace"))

    use.on_click(lambda _: load(area.value))
    get.on_click(
        lambda _: scope.address.download("recipe.yaml", session.recipe.dumps().encode())
    )
    link.on_click(lambda _: scope.address.copy(_link(scope)))
    file.observe(uploaded, "value")

    @scope.watch("recipe")
    def update() -> None:
        area.value = session.recipe.dumps()

    buttons = scope.make(ipywidgets.HBox, [use, file, get, link], name="wb-chips")
    return scope.make(ipywidgets.VBox, [area, buttons])


def _link(scope: Scope) -> str:
    """The page's address with the whole recipe and the view in it."""
    base = scope.address.href.partition("?")[0].partition("#")[0]
    return f"{base}?{urlencode(scope.session.link())}"


def _button(scope: Scope, name: str) -> ipywidgets.Button:
    button = scope.make(ipywidgets.Button, layout={"width": "auto"})
    scope.words(button, description=f"screen.recipe.{name}")
    return button
