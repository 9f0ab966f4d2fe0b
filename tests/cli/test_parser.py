"""Words become a wish; help and version come in the user's language."""

import argparse
import re

import pytest

import workbench
from workbench.cli import main
from workbench.cli.commands import COMMANDS
from workbench.cli.flags import flags, recipe_of
from workbench.cli.parser import language, parse
from workbench.core.edit import set_repair
from workbench.core.errors import UserError
from workbench.core.recipe import Choice, Plan, Recipe, Retraining
from workbench.core.step import steps

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def parsed(*words):
    found = parse(words, "en")
    assert isinstance(found, argparse.Namespace)
    return found


def wish(*words):
    return parsed("compress", "model.keras", *words)


@pytest.mark.parametrize(
    ("words", "environment", "lang"),
    [
        ([], {}, "en"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh"),
        ([], {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ([], {"LC_ALL": "", "LANG": "zh_TW"}, "zh"),
        (["--lang", "zh", "doctor"], {}, "zh"),
        (["doctor", "--lang=en"], {"LANG": "zh_CN"}, "en"),
        (["doctor", "--lang", "tlh"], {}, "en"),
    ],
)
def test_the_language_is_the_wished_one_else_the_systems(words, environment, lang):
    assert language(words, environment) == lang


def test_the_version_is_the_packages(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == workbench.__version__ + "\n"


def test_no_words_list_the_commands(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name}" in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_there_in_both_languages(name, capsys):
    for lang in ("en", "zh"):
        assert main([name, "--help", "--lang", lang]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert bool(CHINESE.search(out)) == (lang == "zh")
    assert main(["--lang", "en", name, "-h"]) == 0


def test_every_knob_of_every_method_is_a_flag():
    names = [flag.name for flag in flags()]
    assert len(names) == len(set(names))
    assert {"sparsity", "threshold", "scope", "bits", "range"} <= set(names)
    assert {"activation-bits", "retrain", "batch-size"} <= set(names)
    assert {flag.owner for flag in flags()} == {*steps, "activations", "retraining"}


def test_a_step_without_knobs_goes_by_its_name():
    on = recipe_of(wish("--sparsity", "0.5", "--batch-norm"))
    assert [one.name for one in on.plans[0].steps] == ["magnitude", "batch_norm"]
    off = recipe_of(wish("--sparsity", "0.5", "--repair", "--no-batch-norm"))
    assert not off.asks_for("batch_norm", ["a/kernel"])


def test_flags_become_a_recipe():
    words = "--sparsity 0.5 --scope global --bits 4 --no-symmetric"
    more = "--activation-bits 8 --retrain 2 --learning-rate 0.01 --seed 3"
    recipe = recipe_of(wish(*words.split(), *more.split()))
    plan = Plan(
        "*",
        (
            Choice.of("magnitude", sparsity=0.5, scope="global"),
            Choice.of("uniform", bits=4, symmetric=False),
        ),
        Choice.of("activations", bits=8),
    )
    assert recipe == Recipe((plan,), Retraining(2, 0.01), 3)


def test_the_order_of_flags_does_not_matter():
    one = recipe_of(wish("--bits", "4", "--sparsity", "0.5"))
    assert one == recipe_of(wish("--sparsity", "0.5", "--bits", "4"))


def test_repair_is_one_flag():
    recipe = recipe_of(wish("--sparsity", "0.9", "--bits", "4", "--repair"))
    asked = recipe_of(wish("--sparsity", "0.9", "--bits", "4"))
    assert recipe == set_repair(asked, is_on=True)


def test_a_file_is_followed_and_its_retraining_changed(tmp_path):
    recipe = Recipe((Plan("*", (Choice.of("uniform", bits=3),)),), Retraining(7), 5)
    for style in ("yaml", "json"):
        path = tmp_path / f"recipe.{style}"
        path.write_text(recipe.dumps(style), "utf-8")
        assert recipe_of(wish("--recipe", str(path))) == recipe
    changed = recipe_of(wish("--recipe", str(path), "--retrain", "2", "--seed", "0"))
    assert changed == Recipe(recipe.plans, Retraining(2), 0)


def test_a_model_may_come_after_the_options():
    given = parsed("dashboard", "--port", "9000", "lenet")
    assert (given.model, given.port) == ("lenet", "9000")
    given = parsed("evaluate", "--data", "d.npz", "m.keras")
    assert (given.model, given.data) == ("m.keras", "d.npz")


def test_names_are_not_abbreviated():
    with pytest.raises(UserError, match="--spars"):
        wish("--spars", "0.5")


def test_two_codes_for_the_same_weights_are_refused(capsys):
    words = ["compress", "m.keras", "--clustering-clusters", "8", "--bits", "4"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "--clustering-clusters" in said
    assert "--bits" in said
    assert len(said.strip().splitlines()) == 1
    assert recipe_of(wish("--clustering-clusters", "8", "--activation-bits", "8"))
