"""Every knob is a flag: from the words of a command line to a recipe.

The knobs of the two common methods go by their own names (``--sparsity``, ``--bits``),
those of any other method by its name and theirs (``--step-of-bits-bits``). A method
without knobs is switched on, or off, by its name alone (``--batch-norm``).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.targets import add_targets, has_targets, with_targets
from workbench.cli.wishes import add_wishes, wish_of
from workbench.core.activations import ActivationQuantization
from workbench.core.edit import set_knobs, set_repair, switch_off
from workbench.core.errors import UserError
from workbench.core.knob import Knob, check_values, knobs
from workbench.core.recipe import Recipe, Retraining
from workbench.core.step import CODING, steps
from workbench.text import has

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from workbench.core.knob import Value


_PLAIN = ("magnitude", "uniform")
_RETRAINING = {
    "epochs": "retrain",
    "learning_rate": "learning-rate",
    "batch_size": "batch-size",
}


@dataclass(frozen=True)
class Flag:
    """A flag that stands for a knob.

    Attributes:
        name: Without the dashes.
        owner: Name of the step, or ``activations`` or ``retraining``.
        field: Name of the knob; empty where it switches a step without knobs.
        knob: What it accepts.
    """

    name: str
    owner: str
    field: str
    knob: Knob

    @property
    def key(self) -> str:
        """Where the parsed value is found."""
        return f"{self.owner}.{self.field}"

    def value(self, word: object) -> Value:
        """The knob's value for a word.

        Raises:
            UserError: If the knob does not accept it.
        """
        return self.knob.check(f"--{self.name}", _number(word, self.knob.kind))


def flags() -> Iterator[Flag]:
    """The flags of all methods, of activations and of retraining."""
    for step in steps:
        own = knobs(steps[step])
        if not own:
            yield Flag(step.replace("_", "-"), step, "", Knob("bool"))
        for field, declared in own.items():
            name = field if step in _PLAIN else f"{step}-{field}"
            yield Flag(name.replace("_", "-"), step, field, declared)
    for field, declared in knobs(ActivationQuantization).items():
        name = f"activation-{field}".replace("_", "-")
        yield Flag(name, "activations", field, declared)
    for field, name in _RETRAINING.items():
        yield Flag(name, "retraining", field, knobs(Retraining)[field])


def add_flags(parser: argparse.ArgumentParser, say: Callable[..., str]) -> None:
    """Give a parser a flag for every knob, in a group for each method."""
    add_wishes(parser, say)
    add_targets(parser, say)
    groups: dict[str, argparse._ArgumentGroup] = {}
    for flag in flags():
        if flag.owner not in groups:
            key = f"knob.{flag.owner}"
            title = say(key) if has(key) else flag.owner
            groups[flag.owner] = parser.add_argument_group(title)
        key = f"knob.{flag.key.rstrip('.')}.help"
        # A third party's method may bring no words.
        text = (say(key) if has(key) else "") + _limits(flag.knob)
        common: dict[str, Any] = {
            "dest": flag.key,
            "default": argparse.SUPPRESS,
            "help": text,
        }
        group, name = groups[flag.owner], f"--{flag.name}"
        if flag.knob.kind == "bool":
            group.add_argument(name, action=argparse.BooleanOptionalAction, **common)
        else:
            word = flag.name.rpartition("-")[2].upper()
            metavar = "EPOCHS" if flag.field == "epochs" else word
            group.add_argument(name, metavar=metavar, **common)


def recipe_of(wish: argparse.Namespace) -> Recipe:
    """The recipe that a command line asks for.

    Raises:
        UserError: If there is none, two that exclude each other, or a value does not
            fit.
    """
    over_all = wish_of(wish)
    given = {flag: getattr(wish, flag.key) for flag in flags() if flag.key in wish}
    values = {flag: flag.value(word) for flag, word in given.items()}
    training = {f.field: v for f, v in values.items() if f.owner == "retraining"}
    chosen = {f: v for f, v in values.items() if f.owner != "retraining"}
    if wish.recipe and chosen:
        raise UserError("cli.recipe_and_flag", flag=next(iter(chosen)).name)
    if wish.recipe:
        recipe = _read(Path(wish.recipe))
    elif chosen or over_all or has_targets(wish):
        recipe = _assembled({f: v for f, v in chosen.items() if f.field})
    else:
        raise UserError("cli.needs_recipe")
    if over_all:
        recipe = replace(recipe, wish=over_all)
    if wish.repair:
        recipe = set_repair(recipe, is_on=True)
    recipe = _switched(recipe, chosen)
    recipe = with_targets(recipe, wish, flags())
    if wish.seed is not None:
        recipe = replace(recipe, seed=_number(wish.seed, "int"))
    return replace(recipe, retraining=_retraining(recipe.retraining, training))


def _assembled(chosen: dict[Flag, Value]) -> Recipe:
    owners: dict[str, dict[str, Any]] = {}
    for flag, value in chosen.items():
        owners.setdefault(flag.owner, {})[flag.field] = value
    if len(codes := _codes(chosen)) > 1:
        raise UserError("cli.two_codes", first=codes[0], second=codes[1])
    recipe = Recipe()
    for owner, values in owners.items():
        if len(clash := _excluded(owner, values)) > 1:
            raise UserError("cli.exclude", first=clash[0], second=clash[1])
        recipe = set_knobs(recipe, owner, **values)
    return recipe


def _switched(recipe: Recipe, chosen: dict[Flag, Value]) -> Recipe:
    """The recipe with the steps without knobs on or off, also where repair has them."""
    for flag, is_on in chosen.items():
        if not flag.field:
            recipe = (set_knobs if is_on else switch_off)(recipe, flag.owner)
    return recipe


def _codes(chosen: Iterable[Flag]) -> list[str]:
    """A flag of each step that codes the weights, of which there may be one."""
    first: dict[str, str] = {}
    for flag in chosen:
        if flag.owner != "activations" and steps[flag.owner].phase == CODING:
            first.setdefault(flag.owner, flag.name)
    return list(first.values())


def _excluded(owner: str, values: dict[str, Value]) -> list[str]:
    """Names of two flags of which one undoes the other."""
    if owner == "activations":
        return []
    declared = knobs(steps[owner])
    return [name for name in values if declared[name].excludes in values]


def _retraining(
    earlier: Retraining | None, values: dict[str, Value]
) -> Retraining | None:
    if not values:
        wish = earlier
    elif earlier is None and "epochs" not in values:
        flag = _RETRAINING[next(iter(values))]
        raise UserError("cli.needs_retrain", flag=flag)
    else:
        checked = check_values("retraining", Retraining, values)
        wish = replace(earlier or Retraining(), **checked)  # type: ignore[arg-type]
    if wish is not None and wish.start == "latest":
        raise UserError("cli.start_latest")
    return wish


def _read(path: Path) -> Recipe:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise UserError("cli.unreadable", path=path, reason=reason) from error
    except UnicodeDecodeError as error:
        raise UserError("recipe.syntax", detail=error.reason) from error
    return Recipe.loads(text)


def _number(word: object, kind: str) -> object:
    """A word as the number that it is written as; itself where it is none."""
    if not isinstance(word, str) or kind not in ("int", "float"):
        return word
    for read in (int, float):
        try:
            return read(word)
        except ValueError:
            continue
    return word


def _limits(declared: Knob) -> str:
    if declared.choices:
        return f" ({', '.join(declared.choices)})"
    if declared.kind in ("int", "float"):
        return f" [{declared.low:g}, {declared.high:g}]"
    return ""
