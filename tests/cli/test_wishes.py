"""The flags of a wish over all tensors."""

from typing import Any

import pytest

from workbench.cli.flags import recipe_of
from workbench.cli.parser import parse
from workbench.core.edit import set_knobs
from workbench.core.errors import UserError
from workbench.core.recipe import Recipe
from workbench.core.wish import Wish


def asked(*words) -> Recipe:
    given: Any = parse(["compress", "m.keras", *words], "en")
    return recipe_of(given)


@pytest.mark.parametrize(
    ("word", "nbytes"),
    [("20000", 2e4), ("20KB", 2e4), ("20kB", 2e4), ("1.5 mb", 1.5e6), ("7B", 7)],
)
def test_a_size_is_a_wish(word, nbytes):
    assert asked("--size", word) == Recipe(wish=Wish(nbytes=nbytes))


def test_it_stands_beside_other_flags_and_a_recipe(tmp_path):
    wish = Wish(sparsity=0.9)
    assert asked("--total-sparsity", "0.9").wish == wish
    beside = asked("--total-sparsity", "0.9", "--reconstruct-damping", "0.1")
    plain = set_knobs(Recipe(), "reconstruct", damping=0.1)
    assert (beside.plans, beside.wish) == (plain.plans, wish)
    path = tmp_path / "recipe.yaml"
    path.write_text(Recipe(wish=Wish(nbytes=9)).dumps(), "utf-8")
    assert asked("--recipe", str(path)).wish == Wish(nbytes=9)
    assert asked("--recipe", str(path), "--size", "8").wish == Wish(nbytes=8)


@pytest.mark.parametrize(
    "words",
    [
        ["--size", "small"],
        ["--size", "-4"],
        ["--size", "0"],
        ["--size", "4 KiB"],
        ["--total-sparsity", "much"],
        ["--total-sparsity", "1.5"],
        ["--total-sparsity", "nan"],
        ["--size", "9KB", "--total-sparsity", "0.9"],
    ],
)
def test_what_is_none_is_refused_in_one_sentence(words):
    with pytest.raises(UserError) as caught:
        asked(*words)
    assert "\n" not in str(caught.value)
