"""What the lesson on clustering and coding says, judged by what was measured."""

import asyncio

import numpy as np
import pytest

from tests.notebooks.asking import check, reveal, rows
from workbench.lessons import Clustering, code_exercises
from workbench.lessons.shared_values import CODERS, coders, entropy


@pytest.fixture(scope="module")
def lesson(lenet):
    return Clustering(lenet)


def number(words):
    return float(words.replace(",", ""))


def test_indexes_and_a_codebook_are_counted(lesson):
    right = check(lesson, "indexes", 235_200 // 2 + 64)
    assert right.state == "right"
    assert "940,800" in right.text
    assert check(lesson, "indexes", 235_200 // 2).state == "wrong"


def test_even_values_fail_where_k_means_does_not(lesson):
    table = rows(reveal(lesson, "placing", 0.5))
    even, clustered = (float(row[2].rstrip("%")) for row in table)
    assert even < 30
    assert clustered > 80


def test_a_shorter_index_would_cost_too_much(lesson):
    said = {bits: check(lesson, "fewest", bits) for bits in (3, 4, 5)}
    assert [one.state for one in said.values()] == ["wrong", "right", "wrong"]
    assert said[3].text.endswith("a longer index is needed.")
    assert said[5].text.endswith("a shorter index is enough.")
    assert "must lie in" in check(lesson, "fewest", 9).text
    assert "whole number" in check(lesson, "fewest", 2.5).text


def test_where_nothing_costs_anything_one_bit_is_right(lesson, monkeypatch):
    monkeypatch.setattr(code_exercises, "LIMIT_POINTS", -100.0)
    assert check(lesson, "fewest", 1).state == "right"


def test_no_zero_is_left_where_zeros_go_to_even_values(lesson):
    assert check(lesson, "zeros", 0).state == "right"
    wrong = check(lesson, "zeros", 212_960)
    assert wrong.state == "wrong"
    assert "212,960 weights were zero" in wrong.text


def test_coders_come_in_the_order_that_theory_asks_for(lesson):
    table = rows(reveal(lesson, "zipped", 0.5))
    found = dict(zip(CODERS, (number(row[1]) for row in table), strict=True))
    assert found["float32"] == 4 * 266_200
    assert found["float32"] > found["fixed"] > found["fixed_zlib"]
    assert found["fixed_zlib"] > 1.1 * found["range"]
    assert found["range"] < 1.02 * found["entropy"]


def test_the_entropy_is_that_of_the_shares(lesson):
    table = rows(asyncio.run(lesson.shares()))
    shares = np.array([float(share) for _, share in table])
    assert len(shares) == 5
    assert shares.sum() == pytest.approx(1, abs=1e-3)
    bits = -(shares * np.log2(shares)).sum()
    assert check(lesson, "bound", bits).state == "right"
    assert check(lesson, "bound", bits + 0.1).state == "wrong"


def test_entropy_against_closed_forms():
    assert entropy(np.array([0, 1, 2, 3], np.uint8)) == 2
    assert entropy(np.array([7, 7, 7], np.uint8)) == 0
    assert entropy(np.array([0, 0, 0, 1], np.uint8)) == pytest.approx(0.811278)


def test_the_stream_of_each_kernel_is_what_is_counted(lesson):
    check(lesson, "bound", 1)
    tensors = list(lesson.session.before.network.tensors.values())
    parts = [coders([tensor])["range"] for tensor in tensors]
    assert coders(tensors)["range"] == sum(parts)


def test_the_file_comes_back_to_the_last_bit(lesson):
    check(lesson, "bound", 1)
    said = asyncio.run(lesson.packed())
    assert said.state == "shown"
    assert f"all {8 * 4 * 266_610:,} bits" in said.text


def test_the_goal_asks_for_bytes_and_accuracy(lesson, monkeypatch):
    right = check(lesson, "goal", (0.82, 6))
    assert right.state == "right", right.text
    monkeypatch.setattr(code_exercises, "GOAL_POINTS", 1.0)
    lossy = check(lesson, "goal", (0.82, 6))
    assert lossy.state == "wrong"
    assert "Prune a little less" in lossy.text
    monkeypatch.setattr(code_exercises, "GOAL_BYTES", 1000)
    large = check(lesson, "goal", (0.82, 6))
    assert large.state == "wrong"
    assert "Prune more" in large.text
    assert "must lie in" in check(lesson, "goal", (2.0, 4)).text


def test_the_curve_measures_each_number_of_values(lesson):
    table = rows(asyncio.run(lesson.curve(16, 4, 2)))
    assert [row[0] for row in table] == ["16", "4", "2"]
    scores = [float(row[2].rstrip("%")) for row in table]
    assert scores == sorted(scores, reverse=True)
    assert asyncio.run(lesson.curve(1)).state == "wrong"
