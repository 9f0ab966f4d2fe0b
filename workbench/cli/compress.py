"""The command ``compress``: open, compress, retrain, save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from workbench.cli import numbers
from workbench.cli.flags import recipe_of
from workbench.cli.opening import files, options
from workbench.cli.voice import Report, Voice, table
from workbench.core.errors import UserError
from workbench.core.gates import check_gates, with_gates
from workbench.core.readable import points, score, size
from workbench.core.resolved import FILE_NAME as MARK
from workbench.core.store import check_publishable
from workbench.session import Session

if TYPE_CHECKING:
    import argparse

    from workbench.core.measurement import Measurement
    from workbench.core.recipe import Recipe
    from workbench.core.snapshot import Outcome
    from workbench.export.artifact import Artifact

FORMATS = "keras,tflite"


def compress(wish: argparse.Namespace, voice: Voice) -> Report:
    """Make a smaller model; the folder is whole or not there at all."""
    recipe = recipe_of(wish)
    model, source = files(wish, needs_data=True)
    if not wish.out:
        raise UserError("cli.needs_out")
    folder = Path(wish.out)
    check_publishable(folder, mark=MARK, force=wish.force)
    formats = _formats(wish.formats or FORMATS)
    session = _Spoken(
        model, source, recipe=recipe, voice=voice, formats=formats, **options(wish)
    )
    if recipe.retraining is not None:
        session.retrain(recipe.retraining)
    session.save(folder, formats, is_forced=wish.force)
    return _report(session, voice)


class _Spoken(Session):
    """A session that works inline, is not kept, and says how far it is."""

    def __init__(
        self,
        model: Any,
        data: Any,
        *,
        recipe: Recipe,
        voice: Voice,
        formats: tuple[str, ...],
        **options: Any,
    ) -> None:
        self._voice, self._text, self._formats = voice, "", formats
        super().__init__(
            model, data, recipe=recipe, lang=voice.lang, is_kept=False, **options
        )

    def opened(self, workload: Any, evaluator: Any, kernels: Any) -> None:
        """Refuse what cannot be done before the long work."""
        from workbench.export.artifact import check_formats

        _check_targets(self.recipe, workload)
        if self.recipe.retraining is not None:
            if workload.data.train is None:
                raise UserError("session.no_training_data")
            if workload.loss is None:
                raise UserError("train.no_loss")
        check_formats(self._formats, workload, self.recipe)
        super().opened(workload, evaluator, kernels)

    @traitlets.observe("status")
    def _say_status(self, _: Any) -> None:
        status = self.status
        if status.key:
            self._text = self._voice.say(status.key, **dict(status.values))
            self._voice.progress(self._text)

    @traitlets.observe("before", "after")
    def _say_score(self, change: Any) -> None:
        outcome: Outcome | None = change.new
        if outcome is not None and outcome.measurement and not outcome.is_stale:
            measured = outcome.measurement
            text = self._voice.say("cli.measuring")
            self._voice.progress(text, measured.seen / measured.total)

    @traitlets.observe("progress")
    def _say_progress(self, _: Any) -> None:
        if self.progress:
            last = self.progress[-1]
            done = (last.epoch - 1 + last.step / last.steps) / last.epochs
            self._voice.progress(self._text, done)


def _check_targets(recipe: Recipe, workload: Any) -> None:
    """Refuse a plan that nothing in the model answers to.

    Raises:
        UserError: If there is one: most likely a path is misspelt.
    """
    check_gates(recipe, workload.sites)
    paths = [site.path for site in with_gates(workload.sites)]
    paths += [output.path for output in workload.outputs]
    for plan in recipe.plans:
        if not plan.is_decided and not any(map(plan.matches, paths)):
            raise UserError("cli.no_target", target=plan.target, known=paths[0])


def _formats(words: str) -> tuple[str, ...]:
    """The names of exporters, each once.

    Raises:
        UserError: If there is no exporter of a name.
    """
    # First, as it keeps TensorFlow quiet.
    import workbench.engine  # noqa: F401
    from workbench.export.artifact import exporters

    names = tuple(dict.fromkeys(word.strip() for word in words.split(",")))
    for name in names:
        exporters[name]
    return names


def _report(session: Session, voice: Voice) -> Report:
    outcome = session.result()
    assert outcome is not None, "The session has compressed."
    assert session.original_sizes is not None, "The session has opened the model."
    from workbench.export.wbz import predicted

    coded = predicted(session.workload, outcome.network)
    artifacts, left_out = session.saved.artifacts, session.saved.left_out
    now = session.snapshot()
    found = [finding.text(voice.lang) for finding in session.findings]
    found += _missed(session, coded.value, voice)
    before = now.before and now.before.measurement
    after = now.after and now.after.measurement
    found += _lost(session, before, after, voice)
    data = {
        "model": session.workload.name,
        "metric": numbers.metric(session.workload.metric.info),
        "original": numbers.measurement(session.original),
        "before": numbers.measurement(before),
        "after": numbers.measurement(after),
        "sparsity": outcome.network.sparsity,
        "tensors": numbers.tensors(session.sites, outcome.network, voice),
        "sizes": numbers.sizes(session.original_sizes, outcome.sizes, coded),
        "files": [_file(one, voice) for one in artifacts],
        "left_out": [
            {"format": one.format, "reason": one.reason.text(voice.lang)}
            for one in left_out
        ],
        "findings": found,
        "recipe": outcome.recipe.to_json(),
        "seed": outcome.recipe.seed,
        "out": str(session.saved.folder),
    }
    return Report(
        data,
        [*_lines(session, before, after, voice), *found],
        [one.text(voice.lang) for one in left_out],
    )


def _missed(session: Session, coded: float, voice: Voice) -> list[str]:
    """That a wished size is not met, where it is not."""
    wish = session.recipe.wish
    wished = wish.nbytes if wish else None
    files = [one for one in session.saved.artifacts if one.format == "wbz"]
    taken = files[0].bytes.value if files else coded
    if wished is None or taken <= wished:
        return []
    return [voice.say("wish.missed", size=size(taken), wished=size(wished))]


def _lost(
    session: Session,
    before: Measurement | None,
    after: Measurement | None,
    voice: Voice,
) -> list[str]:
    """That a retraining made the score worse, where it did."""
    info = session.workload.metric.info
    if before is None or after is None:
        return []
    if info.sign * (after.score - before.score) >= 0:
        return []
    told = {"before": score(before.score, info), "after": score(after.score, info)}
    return [voice.say("cli.retraining_lost", **told)]


def _file(one: Artifact, voice: Voice) -> dict[str, Any]:
    file: dict[str, Any] = {
        "path": str(one.path),
        "format": one.format,
        **numbers.quantity(one.bytes),
        "notes": [note.text(voice.lang) for note in one.notes],
    }
    if one.score is not None:
        file["score"] = one.score.score
        file["measurement"] = numbers.measurement(one.score)
    if one.latency_ms is not None:
        file["latency_ms"] = one.latency_ms.value
    if one.agreement is not None:
        file["agreement"] = one.agreement
    return file


def _lines(
    session: Session,
    before: Measurement | None,
    after: Measurement | None,
    voice: Voice,
) -> list[str]:
    info = session.workload.metric.info
    rows = [("original", session.original), ("before", before), ("after", after)]
    scores = [
        [
            voice.say(f"cli.{name}"),
            score(measured.score, info),
            points(measured.difference, info, voice.lang)
            if measured.difference
            else "",
        ]
        for name, measured in rows
        if measured is not None
    ]
    outcome, original = session.result(), session.original_sizes
    assert outcome is not None
    assert original is not None
    packed = outcome.sizes.packed
    ratio = original.float32.value / max(packed.value, 1)
    sizes = voice.say(
        "cli.size",
        original=size(original.float32.value),
        packed=size(packed.value),
        ratio=f"{ratio:.1f}",
        sparsity=f"{outcome.network.sparsity:.1%}",
    )
    files = [
        [
            str(one.path),
            size(one.bytes.value),
            "" if one.score is None else score(one.score.score, info),
        ]
        for one in session.saved.artifacts
    ]
    return [*table(scores), sizes, *table(files), *_notes(session, voice)]


def _notes(session: Session, voice: Voice) -> list[str]:
    """What is to be known of each file, and why a kernel was left out."""
    outcome = session.result()
    assert outcome is not None
    notes = [
        f"{one.path.name}: {note.text(voice.lang)}"
        for one in session.saved.artifacts
        for note in one.notes
    ]
    reasons = [
        f"{one.path}: {voice.say(one.reason)}" for one in outcome.network.skipped
    ]
    return list(dict.fromkeys([*notes, *reasons]))
