"""What a view needs: the session, words in its language, and a way to let go."""

from __future__ import annotations

from operator import is_
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import ipywidgets

from workbench.panels.views import Views
from workbench.text import has, named, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from workbench.core.snapshot import Snapshot
    from workbench.panels.address import Address
    from workbench.panels.views import Computation
    from workbench.session import Session


W = TypeVar("W", bound=ipywidgets.DOMWidget)


class Scope:
    """The session as the views of one screen see it.

    A view's widgets are made once and speak whatever language the session has now:
    what shows words watches ``lang`` too. So a language loses nothing of what was
    typed, opened or scrolled to.

    Args:
        session: The session.
        address: The page that shows it.
    """

    def __init__(self, session: Session, address: Address) -> None:
        """Watch nothing yet."""
        self.session = session
        self.address = address
        self._views = Views(session)
        self._looks: dict[tuple[type[Any], tuple[tuple[str, str], ...]], Any] = {}
        self._watched: list[tuple[Callable[[Any], None], tuple[str, ...]]] = []

    def make(
        self,
        kind: type[W],
        *arguments: Any,
        name: str = "",
        layout: Mapping[str, str] = MappingProxyType({}),
        style: Mapping[str, str] = MappingProxyType({}),
        **traits: Any,
    ) -> W:
        """A widget of the screen.

        What a page is sent for each widget takes it longer than to show it. Widgets
        that are laid out alike therefore share what says so, and have their classes
        from the start.

        Args:
            kind: Its class.
            *arguments: What it takes.
            name: Its classes in the stylesheet, with spaces between them.
            layout: How it is laid out, for good.
            style: How its parts look, for good.
            **traits: Its traits.
        """
        traits["layout"] = self._look(ipywidgets.Layout, layout)
        if "tooltip" in kind.class_trait_names():
            # A page shows what is not there as the word "null".
            traits.setdefault("tooltip", "")
        own_style = getattr(kind, "style", None)
        if own_style is not None:
            traits["style"] = self._look(own_style.klass, style)
        return kind(*arguments, _dom_classes=tuple(name.split()), **traits)

    def _look(self, kind: type[Any], traits: Mapping[str, str]) -> Any:
        key = kind, tuple(traits.items())
        if key not in self._looks:
            self._looks[key] = kind(**traits)
        return self._looks[key]

    def say(self, key: str, **values: Any) -> str:
        """A sentence in the session's language."""
        return say(key, self.session.lang, **values)

    def name(self, key: str) -> str:
        """The words of a key; its last part where a third party brought no words."""
        return named(key, self.session.lang)

    def help(self, key: str) -> str:
        """The help for a key, empty where there is none."""
        return self.say(f"{key}.help") if has(f"{key}.help") else ""

    def watch(self, *names: str, now: bool = True) -> Callable[..., Any]:
        """Decorator: call a function when one of the session's traits changes.

        Args:
            *names: Traits of the session.
            now: Whether to call it at once too.
        """

        def watch(update: Callable[[], None]) -> Callable[[], None]:
            def changed(_: Any) -> None:
                update()

            self.session.observe(changed, list(names))
            self._watched.append((changed, names))
            if now:
                update()
            return update

        return watch

    def derive(
        self,
        *names: str,
        seen: ipywidgets.ToggleButton | None = None,
        basis: Callable[[Snapshot], tuple[Any, ...]] | None = None,
    ) -> Callable[[Computation], Computation]:
        """Decorator: show what takes a while to compute.

        The function makes a delivery from a snapshot, on a thread of its own; the
        delivery writes to widgets, on the event loop.

        Args:
            *names: Traits of the session; a change of one computes anew.
            seen: The button that shows the view; while it is off nothing is computed.
            basis: What of a snapshot is shown; the same things are not shown again.
        """

        def derive(compute: Computation) -> Computation:
            shown: tuple[Any, ...] | None = None

            def ask(_: object = None) -> None:
                nonlocal shown
                if seen is not None and not seen.value:
                    return
                snapshot = self.session.snapshot()
                now = None if basis is None else (*basis(snapshot), snapshot.lang)
                if now is None or not _are_same(now, shown):
                    shown = now
                    self._views.ask(compute, snapshot)

            self.watch("lang", *names)(ask)
            if seen is not None:
                seen.observe(ask, "value")
            return compute

        return derive

    def words(self, widget: ipywidgets.Widget, **keys: str) -> None:
        """Give a widget words in the session's language, whichever it will be.

        Args:
            widget: The widget.
            **keys: Key of the text for each trait, such as ``description``.
        """

        @self.watch("lang")
        def translate() -> None:
            for trait, key in keys.items():
                widget.set_trait(trait, self.say(key))

    def close(self) -> None:
        """Watch nothing any more, and end what is being computed."""
        self._views.close()
        for changed, names in self._watched:
            self.session.unobserve(changed, list(names))
        self._watched.clear()


def _are_same(some: tuple[Any, ...], others: tuple[Any, ...] | None) -> bool:
    if others is None or len(some) != len(others):
        return False
    return all(map(is_, some, others))


def mark(widget: ipywidgets.DOMWidget, name: str, *, is_on: bool) -> None:
    """Give a widget a class of the stylesheet, or take it away."""
    (widget.add_class if is_on else widget.remove_class)(name)


def show_or_hide(widget: ipywidgets.DOMWidget, *, is_shown: bool) -> None:
    """Take a widget off the screen, with its place, or put it there again."""
    mark(widget, "wb-hidden", is_on=not is_shown)


def when_opened(
    toggle: ipywidgets.ToggleButton,
    box: ipywidgets.Box,
    content: Callable[[], Sequence[ipywidgets.Widget]],
) -> None:
    """Fill a box when its button is pressed first: a page draws sooner without it.

    Args:
        toggle: The button.
        box: What it opens.
        content: Makes what is in the box from then on.
    """

    def fill(_: object) -> None:
        toggle.unobserve(fill, "value")
        box.children = tuple(content())

    toggle.observe(fill, "value")


def close_tree(widget: ipywidgets.Widget) -> None:
    """Close a widget with all that it holds: children, layout and style.

    ipywidgets keeps every widget, in the kernel and in the page, until it is closed.
    """
    for part in list(_tree(widget, set())):
        part.close()


def _tree(widget: ipywidgets.Widget, seen: set[int]) -> Iterator[ipywidgets.Widget]:
    """A widget and what its synchronized traits hold, each once."""
    if id(widget) in seen:
        return
    seen.add(id(widget))
    yield widget
    for name in widget.keys:
        value = getattr(widget, name)
        for part in value if isinstance(value, list | tuple) else (value,):
            if isinstance(part, ipywidgets.Widget):
                yield from _tree(part, seen)
