"""The sections of a report, each as HTML; empty where there is nothing to say."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from workbench.export.report_charts import Bar, Dot, bars, scatter
from workbench.text import has, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from workbench.core.cost import TensorSizes
    from workbench.core.measurement import Measurement
    from workbench.core.resolved import Level
    from workbench.core.snapshot import Outcome
    from workbench.export.report import ReportInput
    from workbench.export.report_words import ReportWords

_POINTS = 100.0


def verdict(given: ReportInput, words: ReportWords) -> str:
    """How much smaller, what it costs, and whether it fits."""
    result, original = given.result, given.original
    if result is None:
        return ""
    packed = result.sizes.packed
    ratio = given.original_sizes.float32.value / max(packed.value, 1)
    lines = [words.say("smaller", ratio=f"{ratio:.1f}", size=words.quantity(packed))]
    measured = result.measurement
    if measured is not None and original is not None:
        lines.append(words.change(measured))
        if measured.turned_wrong is not None:
            lines.append(
                words.say(
                    "turned",
                    wrong=f"{measured.turned_wrong:,}",
                    right=f"{measured.turned_right:,}",
                    seen=f"{measured.seen:,}",
                )
            )
    if given.budget is not None:
        fits = packed.value <= given.budget
        key = "fits" if fits else "exceeds"
        lines.append(words.say(key, budget=f"{given.budget:,.0f}"))
    return "".join(f'<p class="verdict">{escape(line)}</p>' for line in lines)


def scores(given: ReportInput, words: ReportWords) -> str:
    """The scores as bars and as a table."""
    rows = [
        (name, measured, style)
        for name, measured, style in (
            ("original", given.original, "plain"),
            ("before", _measurement(given.before), "mark"),
            ("after", _measurement(given.after), "good"),
        )
        if measured is not None
    ]
    if not rows or given.metric is None:
        return ""
    drawn = [
        Bar(words.say(name), m.score, words.score(m.score), m.low, m.high, style)
        for name, m, style in rows
    ]
    least = min(m.low for _, m, _ in rows)
    start = max(0.0, least - (max(m.high for _, m, _ in rows) - least))
    table = _table(
        [words.say(k) for k in ("which", "score", "interval", "change_head", "seen")],
        [_score_row(words, name, m) for name, m, _ in rows],
    )
    name = words.metric_name()
    caption = words.say("score_caption", metric=name, start=words.score(start))
    return bars(name, drawn, start=start) + f"<p>{escape(caption)}</p>" + table


def _score_row(words: ReportWords, name: str, m: Measurement) -> list[str]:
    origin = words.origin(m.provenance)
    return [
        words.say(name),
        f"{words.score(m.score)} ({origin})",
        f"{words.score(m.low)} - {words.score(m.high)}",
        words.change(m),
        f"{m.seen:,} / {m.total:,}",
    ]


def sizes(given: ReportInput, words: ReportWords) -> str:
    """What original, result and files take."""
    result = given.result
    rows = [("original_float32", given.original_sizes.float32, "plain")]
    if result is not None:
        sizes = result.sizes
        rows += [
            ("dense", sizes.dense, "mark"),
            ("packed", sizes.packed, "mark"),
        ]
        if given.coded is not None:
            rows.append(("coded", given.coded, "mark"))
    drawn = [
        Bar(words.say(name), value.value, words.quantity(value), style=style)
        for name, value, style in rows
    ]
    drawn += [
        Bar(one.path.name, one.bytes.value, words.quantity(one.bytes), style="good")
        for one in given.artifacts
    ]
    note = f"<p>{escape(words.say('sizes_note'))}</p>"
    return bars(words.say("sizes"), drawn) + note


def tradeoff(given: ReportInput, words: ReportWords) -> str:
    """Every setting that was tried, by size and score."""
    if not given.history or given.original is None:
        return ""
    original = given.original_sizes.float32.value
    points = [("original", original, given.original.score, "plain")]
    points += [
        (v.kind, v.nbytes, v.score, "good" if v.kind == "after" else "mark")
        for v in given.history
    ]
    dots = [
        Dot(
            nbytes,
            words.shown(score),
            f"{words.say(kind)}: {nbytes:,.0f} {words.say('bytes')}, "
            f"{words.score(score)}",
            style,
        )
        for kind, nbytes, score, style in points
    ]
    axes = words.say("packed_bytes"), words.score_axis()
    return scatter(words.say("tradeoff"), *axes, dots)


def files(given: ReportInput, words: ReportWords) -> str:
    """Each file with what was measured of it."""
    parts: list[str] = []
    for one in given.artifacts:
        rows = [[words.say("size"), words.quantity(one.bytes)]]
        if one.score is not None:
            origin = words.origin(one.score.provenance)
            score = f"{words.score(one.score.score)} ({origin})"
            rows.append(
                [
                    words.metric_name(),
                    f"{score} {words.change(one.score)}",
                ]
            )
        if one.agreement is not None:
            share = f"{_POINTS * one.agreement:.2f} %"
            measured = words.origin("measured")
            rows.append([words.say("agreement"), f"{share} ({measured})"])
        if one.largest_gap is not None:
            rows.append([words.say("largest_gap"), f"{one.largest_gap:.3g}"])
        if one.latency_ms is not None and one.latency_spread_ms is not None:
            spread = f"{one.latency_spread_ms.value:.3g}"
            latency = words.quantity(one.latency_ms)
            rows.append([words.say("latency"), f"{latency}, ± {spread} ms"])
        if one.samples_per_second is not None:
            speed = words.quantity(one.samples_per_second)
            rows.append([words.say("speed"), speed])
        if one.types:
            kinds = ", ".join(f"{n:,} {kind}" for kind, n in one.types.items())
            rows.append([words.say("numbers"), kinds])
        notes = "".join(
            f"<li>{escape(note.text(words.lang))}</li>" for note in one.notes
        )
        parts.append(f"<h3>{escape(one.path.name)}</h3>{_table([], rows)}")
        parts.append(f"<ul>{notes}</ul>" if notes else "")
    parts += [f"<p>{escape(one.text(words.lang))}</p>" for one in given.left_out]
    return "".join(parts)


def tensors(given: ReportInput, words: ReportWords) -> str:
    """What became of each kernel."""
    result = given.result
    sizes = {} if result is None else result.sizes.tensors
    rows: list[list[str]] = []
    for level, own in _with_gates(given.resolved.levels, sizes):
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
        for level in given.resolved.levels
    ]
    chart = bars(words.say("sparsity"), shares) if shares else ""
    return chart + _table([words.say(head) for head in heads], rows)


def _with_gates(
    levels: Iterable[Level], sizes: Mapping[str, TensorSizes]
) -> Iterator[tuple[Level, TensorSizes | None]]:
    """What became of each kernel, and of its gates, with what it takes."""
    for level in levels:
        own = sizes.get(level.path)
        yield level, own
        yield from (
            zip(
                level.gates,
                [None] * len(level.gates) if own is None else own.parts,
                strict=True,
            )
            if level.gates
            else ()
        )


def activations(given: ReportInput, words: ReportWords) -> str:
    """The grid of each place."""
    rows = [
        [path, f"{g.bits}", f"{float(g.scale.ravel()[0]):.6g}", f"{g.zero_point}"]
        for path, g in given.resolved.activations.items()
    ]
    heads = ("path", "bits", "scale", "zero_point")
    return _table([words.say(head) for head in heads], rows) if rows else ""


def skipped(given: ReportInput, words: ReportWords) -> str:
    """What could not be treated, and why."""
    rows = [
        [
            one.path,
            one.step,
            say(one.reason, words.lang) if has(one.reason) else one.reason,
        ]
        for one in given.resolved.skipped
    ]
    heads = ("path", "step", "reason")
    return _table([words.say(head) for head in heads], rows) if rows else ""


def recipe(given: ReportInput, words: ReportWords) -> str:
    """What was wished, and what was done."""
    resolved = given.resolved
    wished = escape(resolved.recipe.dumps())
    done = escape(resolved.dumps())
    summary = escape(words.say("resolved"))
    return (
        f"<pre>{wished}</pre><details><summary>{summary}</summary>"
        f"<pre>{done}</pre></details>"
    )


def origin(given: ReportInput, words: ReportWords) -> str:
    """Of what, and by what."""
    resolved = given.resolved
    rows = [
        [words.say("model"), resolved.model],
        [words.say("data"), given.data],
        [words.say("seed"), f"{resolved.recipe.seed}"],
        *([f"{name} SHA-256", value] for name, value in resolved.hashes.items()),
        ["network SHA-256", resolved.network],
        *([name, value] for name, value in resolved.versions.items()),
    ]
    return _table([], rows)


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
