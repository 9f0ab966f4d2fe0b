"""Every sentence is there in each language, and every key in the code is one."""

import ast
import json
import re
from pathlib import Path
from string import Formatter

import pytest

import workbench.text
from workbench.core.knob import knobs
from workbench.core.recipe import Retraining
from workbench.core.step import steps
from workbench.text import LANGUAGES, catalogue, has, say

PACKAGE = Path(workbench.text.__file__).parents[1]
TEXT = Path(workbench.text.__file__).parent
OTHERS = [lang for lang in LANGUAGES if lang != "en"]


def fields(sentence):
    """Placeholders of a sentence, each with how it is written out."""
    return sorted(
        (name, spec, conversion)
        for _, name, spec, conversion in Formatter().parse(sentence)
        if name is not None
    )


def names(sentence):
    return {name for name, _, _ in fields(sentence)}


@pytest.mark.parametrize("lang", OTHERS)
def test_the_catalogues_have_the_same_keys(lang):
    assert set(catalogue(lang)) == set(catalogue("en"))


@pytest.mark.parametrize("lang", OTHERS)
def test_the_sentences_have_the_same_placeholders(lang):
    theirs = catalogue(lang)
    different = {
        key: (fields(sentence), fields(theirs[key]))
        for key, sentence in catalogue("en").items()
        if key in theirs and names(sentence) != names(theirs[key])
    }
    assert different == {}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_sentence_is_empty(lang):
    assert [k for k, s in catalogue(lang).items() if not s.strip()] == []


@pytest.mark.parametrize("lang", OTHERS)
def test_sentences_are_translated(lang):
    """A sentence of several words that is the English one was forgotten."""
    english = catalogue("en")
    same = [
        key
        for key, sentence in catalogue(lang).items()
        if sentence == english.get(key) and len(re.findall(r"[a-z]{2,}", sentence)) > 3
    ]
    assert same == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_files_are_flat_and_each_key_comes_once(lang):
    for path in sorted((TEXT / lang).glob("*.json")):
        pairs = json.loads(path.read_text("utf-8"), object_pairs_hook=list)
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), path.name
        assert all(isinstance(sentence, str) for _, sentence in pairs), path.name


def literal(node) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def called(node):
    function = node.func
    return getattr(function, "attr", getattr(function, "id", ""))


def speakers(tree):
    """What a module calls with a text key: its own ``say`` may be another one."""
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return {"UserError", "say"} & imported


def uses():
    """Keys that the code names in a call, with the placeholders that it gives.

    A method ``say`` may complete the key, which then has no dot.
    """
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        known = speakers(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = called(node)
            key = literal(node.args[0]) if node.args else None
            if key is None or ("." not in key and isinstance(node.func, ast.Attribute)):
                continue
            if name in known or (
                isinstance(node.func, ast.Attribute) and name == "say"
            ):
                given = {word.arg or "**" for word in node.keywords}
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", name, key, given


def test_every_key_in_the_code_is_in_the_catalogues():
    missing = [(where, key) for where, _, key, _ in uses() if not has(key)]
    assert missing == []


def test_every_word_that_looks_like_a_key_is_one_or_begins_one():
    """Keys are also kept in tables and put together from a beginning and a name."""
    keys = catalogue("en")
    areas = "|".join(sorted({key.partition(".")[0] for key in keys}))
    form = re.compile(rf"({areas})\.[a-z0-9_.]*")
    file = re.compile(r".*\.(css|html|js|json|keras|npz|tflite|yaml)")
    missing = [
        (str(path.relative_to(PACKAGE)), word)
        for path in sorted(PACKAGE.rglob("*.py"))
        for word in map(literal, ast.walk(ast.parse(path.read_text("utf-8"))))
        if word and form.fullmatch(word) and not file.fullmatch(word)
        if word not in keys
        if word[-1] not in "._" or not any(key.startswith(word) for key in keys)
    ]
    assert missing == []


def test_every_placeholder_is_given():
    short = [
        (where, key, sorted(names(catalogue("en")[key]) - given))
        for where, _, key, given in uses()
        if has(key) and "**" not in given and names(catalogue("en")[key]) - given
    ]
    assert short == []


def test_every_error_gives_no_more_than_its_sentence_says():
    spare = [
        (where, key, sorted(given - names(catalogue("en")[key]) - {"reason"}))
        for where, name, key, given in uses()
        if name == "UserError" and has(key) and "**" not in given
        if given - names(catalogue("en")[key]) - {"reason"}
    ]
    assert spare == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_knob_has_a_label_and_help(lang):
    classes = {name: steps[name] for name in steps} | {"retraining": Retraining}
    wanted = []
    for name, cls in classes.items():
        for field, knob in knobs(cls).items():
            wanted += [f"knob.{name}.{field}", f"knob.{name}.{field}.help"]
            wanted += [f"knob.{name}.{field}.{choice}" for choice in knob.choices]
    assert [key for key in wanted if key not in catalogue(lang)] == []


def test_an_unknown_language_falls_back_to_english():
    assert say("knob.magnitude", "xx") == say("knob.magnitude")
    assert say("knob.magnitude", "zh") != say("knob.magnitude")


def test_an_unknown_key_is_our_mistake():
    with pytest.raises(KeyError):
        say("knob.nothing_of_the_kind")
