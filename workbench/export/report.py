"""The report: one HTML file with everything about a result, which opens offline.

Nothing in it is fetched: styles and charts are written into the page, there is no
script, and the page's own policy forbids requests. Every name that came from a model,
a recipe or data is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.export.report_charts import Bar, Dot, bars, scatter
from workbench.text import has, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.core.cost import Sizes
    from workbench.core.history import Visit
    from workbench.core.measurement import Measurement, MetricInfo
    from workbench.core.quantity import Quantity
    from workbench.core.resolved import ResolvedRecipe
    from workbench.core.snapshot import Outcome
    from workbench.export.artifact import Artifact

FILE_NAME = "report.html"
_STYLE = Path(__file__).with_name("report.css")
_POINTS = 100.0


@dataclass(frozen=True, eq=False)
class ReportInput:
    """What a report is written from.

    Attributes:
        resolved: What was done, with hashes, versions, seed and every level.
        metric: What a score means; None without data.
        data: What the data are called.
        original: The original's score; None without data.
        original_sizes: What the original takes.
        before: The result without retraining.
        after: The result of retraining; None without.
        artifacts: The files that were written.
        history: Every setting that was tried.
        budget: Bytes that the user wanted to stay below; None for no budget.
    """

    resolved: ResolvedRecipe
    metric: MetricInfo | None
    data: str
    original: Measurement | None
    original_sizes: Sizes
    before: Outcome | None
    after: Outcome | None = None
    artifacts: Sequence[Artifact] = ()
    history: Sequence[Visit] = ()
    budget: float | None = None

    @property
    def result(self) -> Outcome | None:
        """What the verdict is about: after retraining where there was one."""
        return self.after or self.before


def report(given: ReportInput, lang: str = "en") -> str:
    """The page.

    Args:
        given: What it is written from.
        lang: ``en`` or ``zh``.
    """
    page = _Page(given, lang)
    title = page.say("title", model=given.resolved.model)
    sections = "\n".join(
        f"<section><h2>{escape(page.say(name))}</h2>{content}</section>"
        for name, content in page.sections()
        if content
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        f"<style>{_STYLE.read_text('utf-8')}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{sections}\n</body></html>\n"
    )


class _Page:
    """The parts of a page in one language."""

    def __init__(self, given: ReportInput, lang: str) -> None:
        self.given, self.lang = given, lang

    def say(self, name: str, **values: object) -> str:
        """A sentence of the report."""
        return say(f"report.{name}", self.lang, **values)

    def sections(self) -> Iterable[tuple[str, str]]:
        """Name and content of each section."""
        yield "verdict", self._verdict()
        yield "scores", self._scores()
        yield "sizes", self._sizes()
        yield "tradeoff", self._tradeoff()
        yield "files", self._files()
        yield "tensors", self._tensors()
        yield "activations", self._activations()
        yield "skipped", self._skipped()
        yield "recipe", self._recipe()
        yield "origin", self._origin()

    def _verdict(self) -> str:
        result, original = self.given.result, self.given.original
        if result is None:
            return ""
        packed = result.sizes.packed
        ratio = self.given.original_sizes.float32.value / max(packed.value, 1)
        lines = [self.say("smaller", ratio=f"{ratio:.1f}", size=self._quantity(packed))]
        measured = result.measurement
        if measured is not None and original is not None:
            lines.append(self._change(measured))
            if measured.turned_wrong is not None:
                lines.append(
                    self.say(
                        "turned",
                        wrong=f"{measured.turned_wrong:,}",
                        right=f"{measured.turned_right:,}",
                        seen=f"{measured.seen:,}",
                    )
                )
        if self.given.budget is not None:
            fits = packed.value <= self.given.budget
            key = "fits" if fits else "exceeds"
            lines.append(self.say(key, budget=f"{self.given.budget:,.0f}"))
        return "".join(f'<p class="verdict">{escape(line)}</p>' for line in lines)

    def _change(self, measured: Measurement) -> str:
        change = measured.difference
        if change is None:
            return ""
        return self.say(
            "change",
            change=self._points(change.value),
            low=self._points(change.low),
            high=self._points(change.high),
            unit=self._unit(),
            origin=self._origin_of(measured.provenance),
        )

    def _scores(self) -> str:
        rows = [
            (name, measured, style)
            for name, measured, style in (
                ("original", self.given.original, "plain"),
                ("before", _measurement(self.given.before), "mark"),
                ("after", _measurement(self.given.after), "good"),
            )
            if measured is not None
        ]
        if not rows or self.given.metric is None:
            return ""
        drawn = [
            Bar(
                self.say(name),
                m.score,
                self._score(m.score),
                m.low,
                m.high,
                style,
            )
            for name, m, style in rows
        ]
        least = min(m.low for _, m, _ in rows)
        start = max(0.0, least - (max(m.high for _, m, _ in rows) - least))
        table = _table(
            [
                self.say(k)
                for k in ("which", "score", "interval", "change_head", "seen")
            ],
            [self._score_row(name, m) for name, m, _ in rows],
        )
        name = self._metric_name()
        caption = self.say("score_caption", metric=name, start=self._score(start))
        return bars(name, drawn, start=start) + f"<p>{escape(caption)}</p>" + table

    def _score_row(self, name: str, m: Measurement) -> list[str]:
        change = "" if m.difference is None else self._change(m)
        origin = self._origin_of(m.provenance)
        return [
            self.say(name),
            f"{self._score(m.score)} ({origin})",
            f"{self._score(m.low)} - {self._score(m.high)}",
            change,
            f"{m.seen:,} / {m.total:,}",
        ]

    def _sizes(self) -> str:
        result = self.given.result
        rows = [("original_float32", self.given.original_sizes.float32, "plain")]
        if result is not None:
            sizes = result.sizes
            rows += [
                ("dense", sizes.dense, "mark"),
                ("packed", sizes.packed, "mark"),
                ("entropy", sizes.entropy, "mark"),
            ]
        drawn = [
            Bar(self.say(name), value.value, self._quantity(value), style=style)
            for name, value, style in rows
        ]
        drawn += [
            Bar(one.path.name, one.bytes.value, self._quantity(one.bytes), style="good")
            for one in self.given.artifacts
        ]
        note = f"<p>{escape(self.say('sizes_note'))}</p>"
        return bars(self.say("sizes"), drawn) + note

    def _tradeoff(self) -> str:
        if not self.given.history or self.given.original is None:
            return ""
        original = self.given.original_sizes.float32.value
        points = [("original", original, self.given.original.score, "plain")]
        points += [
            (v.kind, v.nbytes, v.score, "good" if v.kind == "after" else "mark")
            for v in self.given.history
        ]
        dots = [
            Dot(
                nbytes,
                self._shown(score),
                f"{self.say(kind)}: {nbytes:,.0f} {self.say('bytes')}, "
                f"{self._score(score)}",
                style,
            )
            for kind, nbytes, score, style in points
        ]
        y_title = f"{self._metric_name()} {self._percent()}".strip()
        return scatter(self.say("tradeoff"), self.say("packed_bytes"), y_title, dots)

    def _files(self) -> str:
        parts: list[str] = []
        for one in self.given.artifacts:
            rows = [[self.say("size"), self._quantity(one.bytes)]]
            if one.score is not None:
                origin = self._origin_of(one.score.provenance)
                score = f"{self._score(one.score.score)} ({origin})"
                rows.append([self._metric_name(), f"{score} {self._change(one.score)}"])
            if one.agreement is not None:
                share = f"{_POINTS * one.agreement:.2f} %"
                measured = self._origin_of("measured")
                rows.append([self.say("agreement"), f"{share} ({measured})"])
            if one.largest_gap is not None:
                rows.append([self.say("largest_gap"), f"{one.largest_gap:.3g}"])
            if one.latency_ms is not None and one.latency_spread_ms is not None:
                spread = f"{one.latency_spread_ms.value:.3g}"
                latency = self._quantity(one.latency_ms)
                rows.append([self.say("latency"), f"{latency}, ± {spread} ms"])
            if one.samples_per_second is not None:
                speed = self._quantity(one.samples_per_second)
                rows.append([self.say("speed"), speed])
            if one.types:
                kinds = ", ".join(f"{n:,} {kind}" for kind, n in one.types.items())
                rows.append([self.say("numbers"), kinds])
            notes = "".join(
                f"<li>{escape(note.text(self.lang))}</li>" for note in one.notes
            )
            parts.append(f"<h3>{escape(one.path.name)}</h3>{_table([], rows)}")
            parts.append(f"<ul>{notes}</ul>" if notes else "")
        return "".join(parts)

    def _tensors(self) -> str:
        result = self.given.result
        sizes = {} if result is None else result.sizes.tensors
        rows: list[list[str]] = []
        for level in self.given.resolved.levels:
            own = sizes.get(level.path)
            threshold = "" if level.threshold is None else f"{level.threshold:.4g}"
            rows.append(
                [
                    level.path,
                    " x ".join(map(str, level.shape)),
                    f"{_POINTS * level.sparsity:.2f} %",
                    threshold,
                    f"{level.bits}",
                    "" if own is None else f"{own.packed:,} ({own.encoding})",
                ]
            )
        heads = ("path", "shape", "sparsity", "threshold", "bits", "packed_head")
        shares = [
            Bar(level.path, level.sparsity, f"{_POINTS * level.sparsity:.1f} %")
            for level in self.given.resolved.levels
        ]
        chart = bars(self.say("sparsity"), shares) if shares else ""
        return chart + _table([self.say(head) for head in heads], rows)

    def _activations(self) -> str:
        rows = [
            [path, f"{g.bits}", f"{float(g.scale.ravel()[0]):.6g}", f"{g.zero_point}"]
            for path, g in self.given.resolved.activations.items()
        ]
        heads = ("path", "bits", "scale", "zero_point")
        return _table([self.say(head) for head in heads], rows) if rows else ""

    def _skipped(self) -> str:
        rows = [
            [
                one.path,
                one.step,
                say(one.reason, self.lang) if has(one.reason) else one.reason,
            ]
            for one in self.given.resolved.skipped
        ]
        heads = ("path", "step", "reason")
        return _table([self.say(head) for head in heads], rows) if rows else ""

    def _recipe(self) -> str:
        resolved = self.given.resolved
        wished = escape(resolved.recipe.dumps())
        done = escape(resolved.dumps())
        summary = escape(self.say("resolved"))
        return (
            f"<pre>{wished}</pre><details><summary>{summary}</summary>"
            f"<pre>{done}</pre></details>"
        )

    def _origin(self) -> str:
        resolved = self.given.resolved
        rows = [
            [self.say("model"), resolved.model],
            [self.say("data"), self.given.data],
            [self.say("seed"), f"{resolved.recipe.seed}"],
            *([f"{name} SHA-256", value] for name, value in resolved.hashes.items()),
            ["network SHA-256", resolved.network],
            *([name, value] for name, value in resolved.versions.items()),
        ]
        return _table([], rows)

    def _metric_name(self) -> str:
        metric = self.given.metric
        if metric is None:
            return ""
        return self.say("accuracy") if metric.name == "accuracy" else metric.name

    def _score(self, score: float) -> str:
        return f"{self._shown(score):.2f} %" if self._is_share() else f"{score:.5g}"

    def _points(self, change: float) -> str:
        return f"{_POINTS * change:+.2f}" if self._is_share() else f"{change:+.4g}"

    def _shown(self, score: float) -> float:
        return _POINTS * score if self._is_share() else score

    def _unit(self) -> str:
        return self.say("points") if self._is_share() else self._metric_name()

    def _percent(self) -> str:
        return "(%)" if self._is_share() else ""

    def _is_share(self) -> bool:
        return self.given.metric is not None and self.given.metric.is_accuracy

    def _quantity(self, quantity: Quantity) -> str:
        value = quantity.value
        number = f"{value:,.0f}" if value >= _POINTS else f"{value:.3g}"
        unit = self.say("bytes") if quantity.unit == "bytes" else quantity.unit
        return f"{number} {unit} ({self._origin_of(quantity.provenance)})"

    def _origin_of(self, provenance: str) -> str:
        return self.say(f"provenance_{provenance.replace(' ', '_')}")


def _measurement(outcome: Outcome | None) -> Measurement | None:
    return None if outcome is None else outcome.measurement


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; without heads the first column names the rows."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body: list[str] = []
    for first, *others in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in others)
        body.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    top = f"<thead><tr>{head}</tr></thead>" if heads else ""
    return f'<div class="wide"><table>{top}<tbody>{"".join(body)}</tbody></table></div>'
