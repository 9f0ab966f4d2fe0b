"""Knobs for one tensor or one gate: ``--for 'lstm/kernel[f]' sparsity=0.9``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from workbench.core.edit import set_knobs, switch_off
from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from workbench.cli.flags import Flag
    from workbench.core.recipe import Recipe

_KEY = "targets"
_WORDS = {"true": True, "false": False}


def add_targets(parser: argparse.ArgumentParser, say: Callable[..., str]) -> None:
    """Give a parser the flag that sets knobs of some tensors."""
    parser.add_argument_group(say("gate.title")).add_argument(
        "--for",
        dest=_KEY,
        nargs=2,
        action="append",
        default=argparse.SUPPRESS,
        metavar=("TARGET", "KNOB=VALUE"),
        help=say("gate.help"),
    )


def has_targets(given: argparse.Namespace) -> bool:
    """Whether a command line sets knobs of some tensors."""
    return _KEY in given


def with_targets(
    recipe: Recipe, given: argparse.Namespace, flags: Iterable[Flag]
) -> Recipe:
    """A recipe with the knobs that a command line sets of some tensors.

    Raises:
        UserError: If a knob is none of a method or does not accept its value.
    """
    known = {flag.name: flag for flag in flags if flag.owner != "retraining"}
    for target, words in getattr(given, _KEY, ()):
        name, _, word = words.partition("=")
        flag = known.get(name.strip().removeprefix("--"))
        if flag is None or not word:
            raise UserError("gate.knob", received=words)
        value: Any = flag.value(_WORDS.get(word, word))
        if flag.field:
            recipe = set_knobs(recipe, flag.owner, target, **{flag.field: value})
        else:
            recipe = (set_knobs if value else switch_off)(recipe, flag.owner, target)
    return recipe
