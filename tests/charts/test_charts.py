"""The numbers by ==, the JSON by one go.Figure."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from tests.charts.conftest import LABELS
from workbench import demo
from workbench.charts import charts
from workbench.charts.accuracy import score_bars
from workbench.charts.classes import class_changes
from workbench.charts.sparsity import tensor_sparsity
from workbench.charts.tradeoff import tradeoff_points
from workbench.charts.weights import BINS, threshold_of, weight_numbers
from workbench.core.edit import set_knobs
from workbench.core.measurement import MetricInfo
from workbench.core.recipe import Retraining
from workbench.text import say


def test_every_chart_is_found():
    found = {"weights", "tradeoff", "sparsity", "accuracy", "classes", "losses"}
    assert found | {"structure"} <= set(charts)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", sorted(charts))
def test_plotly_accepts_it_full_and_empty(snapshot, name, lang):
    empty = replace(
        snapshot,
        lang=lang,
        sites=(),
        weights={},
        original=None,
        original_sizes=None,
        before=None,
        after=None,
        history=(),
        progress=(),
        metric=None,
        labels=None,
    )
    for one in (replace(snapshot, lang=lang), empty):
        figure = charts[name](one)
        go.Figure(**figure)


EMPTY = {
    "accuracy": {"original": None, "before": None, "after": None},
    "tradeoff": {"original": None, "before": None, "after": None, "history": ()},
    "losses": {"progress": ()},
    "classes": {"before": None, "after": None},
    "spectrum": {"weights": {}},
    "structure": {},
}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", EMPTY)
def test_a_chart_without_numbers_says_what_will_be_there(snapshot, name, lang):
    figure = charts[name](replace(snapshot, lang=lang, **EMPTY[name]))
    go.Figure(**figure)
    assert figure["data"] == []
    [words] = figure["layout"]["annotations"]
    lines = say(f"chart.empty.{name}", lang).split("\n")
    assert words["text"] == "<br>".join(lines)
    # A phone's chart is as wide as that.
    assert max(map(len, lines)) <= 46
    assert not figure["layout"]["xaxis"]["visible"]


def test_a_chart_that_stays_empty_says_why(snapshot):
    unscored = replace(snapshot, is_scored=False, **EMPTY["tradeoff"])
    for name in ("accuracy", "tradeoff"):
        [words] = charts[name](unscored)["layout"]["annotations"]
        assert words["text"].startswith("There is no test data")
    numbers = replace(snapshot, labels=None)
    [words] = charts["classes"](numbers)["layout"]["annotations"]
    assert words["text"].startswith("There are no answers by class")


def test_the_histogram_counts_every_weight_on_shared_bins(snapshot):
    numbers = weight_numbers(snapshot)
    assert numbers.edges.shape == (BINS + 1,)
    assert numbers.edges[0] == -numbers.edges[-1]
    assert numbers.original.sum() == 30
    assert numbers.zeros == 15
    assert numbers.compressed.sum() == 15
    assert (numbers.compressed <= numbers.original).all()


def test_the_histogram_follows_the_selection(snapshot):
    chosen = replace(snapshot, selection=("b/kernel",))
    numbers = weight_numbers(chosen)
    assert numbers.original.sum() == 10
    assert numbers.zeros == 5


def test_a_threshold_is_shown_only_where_one_holds(snapshot):
    assert threshold_of(snapshot) is None
    kept = np.abs(snapshot.weights["b/kernel"]).ravel()
    one = replace(snapshot, selection=("b/kernel",))
    assert threshold_of(one) == np.sort(kept)[5]
    assert threshold_of(replace(snapshot, before=None)) is None


def test_sparsity_of_each_tensor(snapshot):
    assert tensor_sparsity(snapshot) == {"a/kernel": 0.5, "b/kernel": 0.5}


def test_points_of_the_tradeoff(snapshot):
    points = tradeoff_points(snapshot)
    kinds = [point.kind for point in points]
    assert kinds == ["original", "before", "before", "after", "now"]
    assert [point.key for point in points] == [None, 0, 1, 2, None]
    assert points[0].nbytes == 120.0
    assert points[-1].score == 0.5
    assert not points[-1].is_stale


def test_a_later_wish_makes_the_present_point_stale(snapshot):
    wish = set_knobs(snapshot.recipe, "uniform", bits=4)
    later = replace(snapshot, recipe=wish)
    assert tradeoff_points(later)[-1].is_stale
    bars = {bar.kind: bar for bar in score_bars(later)}
    assert bars["before"].is_stale
    assert bars["after"].is_stale
    assert not bars["original"].is_stale


def test_score_bars(snapshot):
    bars = score_bars(snapshot)
    assert [(bar.kind, round(bar.score, 3)) for bar in bars] == [
        ("original", 0.667),
        ("before", 0.5),
        ("after", 0.667),
    ]


def test_class_changes_are_paired(snapshot):
    changes = class_changes(snapshot, snapshot.before.measurement)
    assert changes is not None
    assert changes.tolist() == [-0.5, 0.0, 0.0]
    results = snapshot.before.measurement.results.copy()
    results[4:] = np.nan
    partial = replace(snapshot.before.measurement, results=results)
    changes = class_changes(snapshot, partial)
    assert changes is not None
    assert changes[:2].tolist() == [-0.5, 0.0]
    assert np.isnan(changes[2])
    assert class_changes(replace(snapshot, labels=None), partial) is None


def test_classes_of_a_demo_have_names_in_the_language(snapshot):
    clothes = demo.class_names("cnn")
    labels = np.arange(len(LABELS)) % len(clothes)
    one = replace(snapshot, classes=clothes, labels=labels, lang="zh")
    assert charts["classes"](one)["data"][0]["x"] == [*demo.class_names("cnn", "zh")]
    own = replace(snapshot, lang="zh")
    assert charts["classes"](own)["data"][0]["x"] == ["zero", "one", "two"]


def test_each_point_says_its_setting_and_where_a_retraining_started(snapshot):
    recipe = set_knobs(snapshot.recipe, "uniform", bits=4)
    recipe = set_knobs(recipe, "uniform", "a/*", bits=8)
    recipe = replace(recipe, retraining=Retraining(epochs=2, start="latest"))
    visit = replace(snapshot.history[2], recipe=recipe)
    points = tradeoff_points(replace(snapshot, history=(snapshot.history[0], visit)))
    assert points[1].words == "untouched"
    assert points[2].words == (
        "Sparsity 50.0%, Weight bits 4, 1 overrides, 2 epochs from the last retraining"
    )


@pytest.mark.parametrize("name", ["accuracy", "tradeoff"])
def test_an_error_says_that_less_is_better(snapshot, name):
    error = MetricInfo("mean_absolute_error", False, is_accuracy=False)
    axis = charts[name](replace(snapshot, lang="en", metric=error))["layout"]["yaxis"]
    assert axis["title"]["text"] == "mean absolute error (less is better)"
    axis = charts[name](replace(snapshot, lang="en"))["layout"]["yaxis"]
    assert axis["title"]["text"] == "accuracy"
