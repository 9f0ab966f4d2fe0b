"""What a screen is made of."""

from collections.abc import Iterator
from typing import Any


def tree(widget: Any) -> Iterator[Any]:
    """A widget and all that it shows."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from tree(child)
