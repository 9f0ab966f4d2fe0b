"""The flags of a wish over all tensors: a size or a sparsity."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from workbench.core.errors import UserError
from workbench.core.wish import Wish

if TYPE_CHECKING:
    from collections.abc import Callable

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def add_wishes(parser: argparse.ArgumentParser, say: Callable[..., str]) -> None:
    """Give a parser the flags of a wish over all tensors."""
    group = parser.add_argument_group(say("wish.title"))
    for name, metavar in (("size", "SIZE"), ("total-sparsity", "SPARSITY")):
        group.add_argument(
            f"--{name}",
            dest=f"wish.{name}",
            metavar=metavar,
            default=argparse.SUPPRESS,
            help=say(f"wish.{name.replace('-', '_')}.help"),
        )


def wish_of(given: argparse.Namespace) -> Wish | None:
    """The wish that a command line asks for; None where it asks for none.

    Raises:
        UserError: If a value does not fit, or there are two.
    """
    size = getattr(given, "wish.size", None)
    sparsity = getattr(given, "wish.total-sparsity", None)
    if size is not None and sparsity is not None:
        raise UserError("cli.exclude", first="size", second="total-sparsity")
    if size is not None:
        return Wish(nbytes=_nbytes(size))
    if sparsity is None:
        return None
    try:
        return Wish(sparsity=float(sparsity))
    except ValueError as error:
        name = "--total-sparsity"
        raise UserError("knob.number", name=name, received=sparsity) from error


def _nbytes(word: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?B?)", word.strip().upper())
    if found is None or found[2] not in _UNITS:
        raise UserError("wish.size", received=word)
    return float(found[1]) * _UNITS[found[2]]
