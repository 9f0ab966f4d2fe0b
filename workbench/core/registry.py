"""Registries: a new method, chart or exporter is one new file and no edited one.

The files of a package register themselves when they are imported; third parties
register through an entry point of the registry's name.
"""

from __future__ import annotations

import pkgutil
import threading
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
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
        self._is_finding = False
        # The same thread may look up while a module registers itself; others wait.
        self._lock = threading.RLock()

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
        self._find_file(name)
        if name not in self._entries:
            self._find()
        if name not in self._entries:
            known = ", ".join(self)
            raise UserError(f"registry.{self._noun}", received=name, known=known)
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        """All names, in order of their modules."""
        self._find()
        return iter(sorted(self._entries, key=self._home))

    def __contains__(self, name: object) -> bool:
        """Whether there is an entry of the name."""
        self._find()
        return name in self._entries

    def _home(self, name: str) -> tuple[str, str]:
        return str(getattr(self._entries[name], "__module__", "")), name

    def _find_file(self, name: str) -> None:
        """Import the file of a name alone: all of them take a while."""
        if name in self._entries or not name.isidentifier():
            return
        import_module(self._package)
        file = f"{self._package}.{name}"
        if find_spec(file) is not None:
            import_module(file)

    def _find(self) -> None:
        with self._lock:
            if self._is_found or self._is_finding:
                return
            self._is_finding = True
            try:
                self._import()
                self._is_found = True
            finally:
                self._is_finding = False

    def _import(self) -> None:
        package = import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            import_module(f"{self._package}.{module.name}")
        for entry in entry_points(group=self._package):
            entry.load()
