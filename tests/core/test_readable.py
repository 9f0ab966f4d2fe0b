"""Numbers in words."""

import pytest

from workbench.core.measurement import Difference, MetricInfo
from workbench.core.readable import points, score, size

ACCURACY = MetricInfo("accuracy", higher_is_better=True, is_accuracy=True)
ERROR = MetricInfo("error", higher_is_better=False, is_accuracy=False)


@pytest.mark.parametrize(
    ("nbytes", "words"),
    [
        (12, "12 B"),
        (999, "999 B"),
        (1500, "1.5 kB"),
        (999_400, "999 kB"),
        (999_600, "1 MB"),
        (2.5e6, "2.5 MB"),
        (3e9, "3 GB"),
    ],
)
def test_bytes_have_the_unit_that_fits(nbytes, words):
    assert size(nbytes) == words


def test_an_accuracy_is_a_percentage():
    assert score(0.9123, ACCURACY) == score(0.9123, None) == "91.23%"
    assert score(0.91234, ERROR) == "0.9123"


def test_a_difference_has_its_interval():
    gap = Difference(-0.003, -0.005, 0.001)
    assert points(gap, ACCURACY, "en") == "-0.30 points (-0.50 to +0.10)"
    assert points(gap, None, "en", minus="m") == "m0.30 points (m0.50 to +0.10)"
    assert "-0.003" in points(gap, ERROR, "zh")


def test_a_difference_of_no_accuracy_says_whose_it_is():
    gap = Difference(0.25, 0.125, 0.5)
    numbers = MetricInfo("mean_absolute_error", False, is_accuracy=False)
    said = points(gap, numbers, "en")
    assert said == "mean absolute error +0.25 (+0.125 to +0.5)"
    assert points(gap, ERROR, "en").startswith(ERROR.name)
