"""Loops that Numba compiles, and Numba itself not before the first of them runs.

To load it takes longer than to open a model, and a model is on the screen before
anything is asked of its weights.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_lock = threading.Lock()


class Loop:
    """A loop that stands in for its compiled form until it is called first.

    Compiled code can call compiled code alone: the loops of a module are compiled
    together, and take their names in it.

    Args:
        function: The loop; those that it calls are of the same module.
        options: What `numba.njit` takes.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        """Compile nothing yet."""
        self._function = function
        self._options = options

    def __call__(self, *arguments: Any) -> Any:
        """Run the compiled form."""
        names = self._function.__globals__
        with _lock:
            if names[self._function.__name__] is self:
                _compile(names)
        return names[self._function.__name__](*arguments)

    def compiled(self) -> Any:
        """The form that Numba compiles for each kind of arguments."""
        from numba import njit  # pyright: ignore[reportMissingTypeStubs] # it has none

        return njit(**self._options)(self._function)


def _compile(names: dict[str, Any]) -> None:
    made = {
        name: loop.compiled()
        for name, loop in tuple(names.items())
        if isinstance(loop, Loop)
    }
    # At once: what another thread calls meanwhile, and what that calls in turn, are
    # either all compiled or not. Numba never forgets a failure.
    names.update(made)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Loop]:
    """Decorator: compile a loop with Numba, when it is called first.

    Args:
        **options: What `numba.njit` takes.
    """

    def decorate(function: Callable[..., Any]) -> Loop:
        return Loop(function, options)

    return decorate
