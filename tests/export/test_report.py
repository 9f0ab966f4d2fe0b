"""The report: its numbers, in both languages, and nothing from outside."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from workbench.core.compress import compress
from workbench.core.cost import sizes
from workbench.core.history import Visit
from workbench.core.measurement import Difference, Measurement, MetricInfo
from workbench.core.network import array_digest
from workbench.core.quantity import Quantity
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.resolved import resolve
from workbench.core.snapshot import Outcome
from workbench.core.tensor import Site
from workbench.export.artifact import Artifact, Note
from workbench.export.report import ReportInput, report
from workbench.text import LANGUAGES

EVIL = "<script>alert(1)</script>&\"'"
RECIPE = Recipe(
    (Plan("*", (Choice.of("magnitude", sparsity=0.5), Choice.of("uniform", bits=4))),),
    seed=41,
)


def measurement(score: float, change: float | None) -> Measurement:
    """A score on 200 samples."""
    moved = None if change is None else Difference(change, change - 0.01, change + 0.01)
    turned = (None, None) if change is None else (17, 5)
    results = np.zeros(200, np.float32)
    return Measurement(
        score, score - 0.02, score + 0.02, moved, moved, 200, 200, *turned, results
    )


def given(name: str = "net", path: str = "dense/kernel") -> ReportInput:
    """A report on one tensor of 8 x 4 weights."""
    weights = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    site = Site(path, "dense", (8, 4), (1,))
    digests = {path: array_digest(weights)}
    made = compress([site], {path: weights}, RECIPE, digests=digests)
    plain = compress([site], {path: weights}, Recipe(), digests=digests)
    outcome = Outcome(RECIPE, made, sizes(made), measurement(0.8125, -0.0375))
    artifact = Artifact(
        Path("model.tflite"),
        "tflite",
        Quantity(2345, "bytes", "in file"),
        score=replace(measurement(0.8075, -0.0425), provenance="measured"),
        latency_ms=Quantity(0.1234, "ms", "measured"),
        latency_spread_ms=Quantity(0.0056, "ms", "measured"),
        agreement=0.9987,
        notes=(Note.of("export.one_sample"),),
    )
    visit = Visit(RECIPE, "before", 55.0, 0.8125, -0.0375, -0.05, -0.02, 200, 200)
    return ReportInput(
        resolved=resolve(RECIPE, made, model=name, hashes={"data": "a1b2c3"}),
        metric=MetricInfo("accuracy"),
        data="digits",
        original=measurement(0.85, None),
        original_sizes=sizes(plain),
        before=outcome,
        artifacts=(artifact,),
        history=(visit,),
        budget=1000,
    )


class Page(HTMLParser):
    """Text, tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        """Read it."""
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Keep text."""
        self.text += data


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_holds_the_numbers(lang: str) -> None:
    what = given()
    text = Page(report(what, lang)).text
    assert what.before is not None
    packed = what.before.sizes.packed.value
    ratio = what.original_sizes.float32.value / packed
    for number in (
        f"{ratio:.1f}",
        "81.25 %",
        "85.00 %",
        "-3.75",
        "17",
        "2,345",
        "99.87 %",
        "0.123",
        "50.00 %",
        "41",
        "a1b2c3",
        what.resolved.network,
        what.resolved.versions["numpy"],
        what.artifacts[0].notes[0].text(lang),
    ):
        assert number in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_comes_from_outside(lang: str) -> None:
    html = report(given(), lang)
    page = Page(html)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", html)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in {"src", "href"}]
    assert "default-src 'none'" in html


def test_languages_differ_and_say_which_they_are() -> None:
    english, chinese = report(given(), "en"), report(given(), "zh")
    assert '<html lang="en">' in english
    assert '<html lang="zh">' in chinese
    assert "Verdict" in english
    assert "Verdict" not in chinese


def test_names_are_escaped() -> None:
    html = report(given(EVIL, f"{EVIL}/kernel"))
    page = Page(html)
    assert "script" not in page.tags
    assert EVIL in page.text
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_it_can_be_written_without_data() -> None:
    what = given()
    assert what.before is not None
    bare = replace(
        what,
        metric=None,
        original=None,
        before=replace(what.before, measurement=None),
        artifacts=(),
        history=(),
        budget=None,
    )
    text = Page(report(bare)).text
    assert "smaller" in text
    assert "Scores" not in text


def test_a_retrained_result_is_what_the_verdict_is_about() -> None:
    what = given()
    assert what.before is not None
    after = replace(what.before, measurement=measurement(0.8475, -0.0025))
    text = Page(report(replace(what, after=after))).text
    assert "-0.25 points" in text.split("Scores")[0]
