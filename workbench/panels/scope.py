"""What a view needs: the session, words in its language, and a way to let go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.text import has, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.panels.address import Address
    from workbench.session import Session


class Scope:
    """The session as the views of one screen see it.

    A screen is built anew for another language; `close` then ends what the old one
    watched.

    Args:
        session: The session.
        address: The page that shows it.
    """

    def __init__(self, session: Session, address: Address) -> None:
        """Watch nothing yet."""
        self.session = session
        self.address = address
        self._watched: list[tuple[Callable[[Any], None], tuple[str, ...]]] = []

    def say(self, key: str, **values: Any) -> str:
        """A sentence in the session's language."""
        return say(key, self.session.lang, **values)

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

    def close(self) -> None:
        """Watch nothing any more."""
        for changed, names in self._watched:
            self.session.unobserve(changed, list(names))
        self._watched.clear()
