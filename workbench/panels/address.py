"""The page that shows the workbench: its address, theme, clipboard and downloads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import ipywidgets
import traitlets
from anywidget import AnyWidget

from workbench.frontend import module
from workbench.panels.assets import bring_stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable


def initial_query() -> dict[str, str]:
    """What the page's address asked for when it started this kernel.

    Under Voilà the server passes it on; a kernel that was started ahead of the
    request waits here until the request comes. Elsewhere it is empty, and
    `Address.query` brings it as soon as the page has drawn.
    """
    if os.environ.get("VOILA_PREHEAT", "False") == "True":
        from voila.utils import wait_for_request

        wait_for_request()
    if not os.environ.get("SERVER_SOFTWARE", "").startswith("voila/"):
        return {}
    return dict(parse_qsl(os.environ.get("QUERY_STRING", "")))


class Address(AnyWidget):
    """A widget without a view; it works from the moment it is made.

    Attributes:
        query: The address's query as the page reports it.
        href: The whole address.
        theme: ``light`` or ``dark``; empty until a page has reported.
        writable: Whether `write` changes the address: in Voilà, not in JupyterLab,
            whose address is its own.
    """

    _esm = module("address.js")

    query = traitlets.Dict(
        key_trait=traitlets.Unicode(), value_trait=traitlets.Unicode()
    ).tag(sync=True)
    href = traitlets.Unicode().tag(sync=True)
    theme = traitlets.Unicode().tag(sync=True)
    wanted = traitlets.Dict().tag(sync=True)
    writable = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        """Set the traits, and see that the page has the stylesheet."""
        bring_stylesheet()
        super().__init__(**traits)
        self._copied = ipywidgets.CallbackDispatcher()
        self.on_msg(self._receive)

    def write(self, **changes: str) -> None:
        """Change entries of the query, without a new page or a step in its history.

        Args:
            **changes: New values; an empty one takes the entry away. A page that
                opens later follows them too.
        """
        self.wanted = {**self.wanted, **changes}

    def copy(self, text: str, name: str = "") -> None:
        """Put a text on the clipboard; `on_copied` hears how it went."""
        self.send({"act": "copy", "text": text, "id": name})

    def download(self, name: str, content: bytes) -> None:
        """Save a file where the browser saves its downloads.

        Args:
            name: File name that the browser suggests.
            content: The file's bytes.
        """
        self.send({"act": "download", "name": name}, buffers=[content])

    def on_copied(
        self, callback: Callable[[str, bool], None], *, remove: bool = False
    ) -> None:
        """Call ``callback(name, done)`` after each `copy`."""
        self._copied.register_callback(callback, remove=remove)

    def _receive(self, _widget: object, content: dict[str, Any], _: object) -> None:
        if content.get("event") == "copied":
            self._copied(content["id"], content["done"])
