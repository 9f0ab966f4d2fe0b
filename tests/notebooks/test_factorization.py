"""What the lesson on factorization says, judged by what a session measured."""

import asyncio

import numpy as np
import pytest

from tests.chain.models import case
from tests.notebooks.asking import check, reveal, rows
from workbench.lessons import Factorization, product_exercises, products
from workbench.session import Session


@pytest.fixture(scope="module")
def lesson(lenet):
    return Factorization(lenet)


@pytest.fixture(scope="module")
def pictures(lenet):
    """The lesson after it has turned to another model, a small one of convolutions."""
    lesson = Factorization(lenet)
    small = case("residual")
    session = Session(small.model, small.data, is_kept=False)
    assert "3 kernels" in asyncio.run(lesson.turn_to(session)).text
    yield lesson
    session.close()


def test_above_the_break_even_factors_are_larger_than_the_kernel(lesson):
    right = check(lesson, "count", 271_000)
    assert right.state == "right"
    assert "235,200" in right.text
    assert check(lesson, "count", 235_200).state == "wrong"


def test_below_it_they_are_smaller(lesson):
    said = {rank: check(lesson, "even", rank) for rank in (215, 216, 217)}
    assert [one.state for one in said.values()] == ["wrong", "right", "wrong"]
    assert said[215].text.endswith("go higher.")
    assert said[217].text.endswith("go lower.")
    assert 216 * 1084 < 784 * 300 < 217 * 1084


def test_the_table_has_the_errors_of_the_truncated_decomposition(lesson):
    table = rows(asyncio.run(lesson.ranks()))
    values = np.linalg.svd(lesson.session.weights["dense_1/kernel"], compute_uv=False)
    for rank, weights, share, error in table:
        tail = np.square(values[int(rank) :]).sum() / np.square(values).sum()
        assert error == f"{tail:.1%}"
        assert weights == f"{int(rank) * 1084:,}"
        assert share == f"{int(rank) * 1084 / 235_200:.1%}"
    assert float(table[0][2].rstrip("%")) > 100


def test_the_kernel_to_blame_saves_least_and_costs_most(lesson):
    paths = [site.path for site in lesson.session.sites]
    states = {path: check(lesson, "kernel", path).state for path in paths}
    assert states == dict.fromkeys(paths, "wrong") | {"scores/kernel": "right"}
    *each, near = rows(check(lesson, "kernel", "scores/kernel"))
    errors, changes = (
        [float(row[i].rstrip("%").replace("\N{MINUS SIGN}", "-")) for row in each]
        for i in (3, 4)
    )
    assert min(changes) == changes[-1] < -10
    assert float(near[3].rstrip("%")) < errors[0]
    assert near[1] == "8 / 10"
    assert "must be one of" in check(lesson, "kernel", "dense_9/kernel").text


def test_what_the_layer_sees_leaves_the_weights_farther_and_the_outputs_closer(lesson):
    right = check(lesson, "distance", "farther")
    assert right.state == "right"
    assert check(lesson, "distance", "closer").state == "wrong"
    table = rows(reveal(lesson, "aware", 0.5))
    plain, seeing = (float(row[2].rstrip("%")) for row in table)
    assert seeing > plain + 2
    assert table[0][5] == table[1][5]


def test_the_limit_is_where_the_next_step_costs_too_much(lesson):
    said = {step: check(lesson, "limit", step / 20) for step in (3, 4, 5)}
    assert [one.state for one in said.values()] == ["wrong", "right", "wrong"]
    assert said[3].text.endswith("keep more.")
    assert said[5].text.endswith("fewer are enough.")
    assert "5 % steps" in check(lesson, "limit", 0.42).text
    assert "must lie in" in check(lesson, "limit", 0).text


def test_where_nothing_costs_anything_the_least_is_right(lesson, monkeypatch):
    monkeypatch.setattr(product_exercises, "LIMIT_POINTS", -100.0)
    assert check(lesson, "limit", 0.05).state == "right"


def test_the_textbooks_answer_fails_at_half_of_the_weights(lesson):
    said = reveal(lesson, "naive", 0.8)
    score = lesson.session.before.measurement.score
    assert f"{score:.1%}" in said.text
    assert score < lesson.session.original.score - 0.1
    assert lesson.session.recipe == products.same(0.5)


def test_a_model_without_convolutions_is_said(lesson):
    assert "no convolution" in check(lesson, "tucker", 1).text
    assert "no convolution" in reveal(lesson, "windows", "svd").text


def test_three_factors_are_counted(pictures):
    right = check(pictures, "tucker", 4 * 2 + 9 * 2 * 2 + 2 * 4)
    assert right.state == "right"
    assert "144" in right.text
    assert check(pictures, "tucker", 144).state == "wrong"


def test_the_smaller_layers_are_those_of_the_saved_model(pictures):
    said = reveal(pictures, "windows", "svd")
    assert f"{pictures.session.before.measurement.score:.1%}" in said.text
    assert len(rows(said)) == 2
    shapes = {row[0]: row[1:] for row in rows(asyncio.run(pictures.layers()))}
    assert shapes["stem/kernel"] == ("3×3×1×4", "3×3×1×4")
    before, after = shapes["conv/kernel"]
    assert before == "3×3×4×4"
    assert "3×3" in after
    assert "→" in after
