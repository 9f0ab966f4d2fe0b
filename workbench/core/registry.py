"""Registries: a new method, chart or exporter is one new file and no edited one.

The files of a package register themselves when they are imported; third parties
register through an entry point of the registry's name.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
E = TypeVar("E")


class Registry(Generic[T]):
    """Things by name, found when first asked for.

    Args:
        package: Package whose modules register themselves, such as
            ``workbench.methods``. It is imported at the first lookup, so that the
            core can name a method without knowing it.
        noun: Key of the word for one entry, used in the error for an unknown name.
    """

    def __init__(self, package: str, noun: str) -> None:
        """Remember where to look; nothing is imported yet."""
        self._package = package
        self._noun = noun
        self._entries: dict[str, T] = {}
        self._is_found = False

    def add(self, name: str) -> Callable[[E], E]:
        """Decorator that registers an entry under a name."""

        def register(entry: E) -> E:
            self._entries[name] = cast("T", entry)
            return entry

        return register

    def __getitem__(self, name: str) -> T:
        """The entry of a name.

        Raises:
            UserError: If there is none.
        """
        self._find()
        if name not in self._entries:
            known = ", ".join(self._entries)
            raise UserError(f"registry.{self._noun}", received=name, known=known)
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        """All names, in order of their modules."""
        self._find()
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        """Whether there is an entry of the name."""
        self._find()
        return name in self._entries

    def _find(self) -> None:
        if self._is_found:
            return
        self._is_found = True
        package = import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            import_module(f"{self._package}.{module.name}")
        for entry in entry_points(group=self._package):
            entry.load()
