"""Each bad input gives one clear sentence and exit code 2, and nothing is lost."""

import re

import pytest

from tests.bad_inputs.cases import CASES

CHINESE = re.compile(r"[\u4e00-\u9fff]")
IN_CHINESE = (
    "truncated_model",
    "wrong_shape",
    "too_sparse",
    "recipe_of_a_later_version",
    "out_that_exists",
    "unknown_command",
    "option_without_value",
    "lambda_layer",
)


@pytest.mark.parametrize("name", CASES)
def test_a_bad_input_is_refused(name, good, refused, tmp_path, monkeypatch):
    monkeypatch.setenv("LANG", "C")
    case, said = CASES[name]
    assert said in refused(*case(good, tmp_path))


@pytest.mark.parametrize("name", IN_CHINESE)
def test_it_is_refused_in_chinese(name, good, refused, tmp_path, monkeypatch):
    for variable in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    case, _ = CASES[name]
    sentence = refused(*case(good, tmp_path))
    assert CHINESE.search(sentence)
    assert sentence.endswith("。")


def test_there_are_at_least_forty():
    assert len(CASES) >= 40
