"""Shared values: settings, what is shown of them, and what one may guess."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.coded import coded_bytes
from workbench.core.codes import Codebook
from workbench.core.edit import set_knobs, set_repair
from workbench.core.errors import UserError
from workbench.core.recipe import Recipe
from workbench.lessons import answers, figures, trial
from workbench.lessons.feedback import Voice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.core.snapshot import Outcome
    from workbench.core.tensor import CompressedTensor
    from workbench.export.artifact import Artifact
    from workbench.lessons.feedback import Feedback
    from workbench.session import Session

VOICE = Voice("lesson_clustering")
FEW = 4
SPARSITY = 0.8
CODERS = ("float32", "float32_zlib", "fixed", "fixed_zlib", "entropy", "range")


def even() -> Recipe:
    """Every kernel on four values that divide its range evenly."""
    how = {"granularity": "tensor", "symmetric": False}
    return set_knobs(Recipe(), "uniform", bits=2, **how)


def clustered(count: float) -> Recipe:
    """Every kernel on a few values of its own, by k-means.

    Raises:
        UserError: If it is no number of values.
    """
    return set_knobs(Recipe(), "clustering", clusters=count)


def sparse(sparsity: float, count: float) -> Recipe:
    """The same for what is left of kernels that one threshold prunes.

    Raises:
        UserError: If a level is out of bounds.
    """
    return set_knobs(clustered(count), "magnitude", sparsity=sparsity, scope="global")


def repaired(sparsity: float, count: float) -> Recipe:
    """The same, with what calibration saw to make up for what is lost."""
    return set_repair(sparse(sparsity, count), is_on=True)


async def placing(session: Session, guess: object) -> Feedback:
    """What accuracy four even values leave, beside four by k-means."""
    guessed = answers.share(guess)
    named = [
        (VOICE.word(session, f"form.{name}"), await trial.measured(session, recipe))
        for name, recipe in (("even", even()), ("clustered", clustered(FEW)))
    ]
    flat, found = (outcome for _, outcome in named)
    path = session.sites[0].path
    return VOICE.shown(
        session,
        "reveal.placing",
        figures.settings(session, named),
        guess=figures.percent(guessed),
        count=FEW,
        even=figures.percent(figures.score(flat)),
        clustered=figures.percent(figures.score(found)),
        path=path,
        even_values=_values(flat.network.tensors[path]),
        values=_values(found.network.tensors[path]),
    )


async def zipped(session: Session, guess: object) -> Feedback:
    """To what share zlib presses pruned and clustered kernels, beside other coders."""
    guessed = answers.share(guess)
    outcome = await trial.measured(session, sparse(SPARSITY, FEW))
    found = coders(list(outcome.network.tensors.values()))
    rows = [
        (VOICE.word(session, f"coder.{name}"), figures.count(found[name]))
        for name in CODERS
    ]
    return VOICE.shown(
        session,
        "reveal.zipped",
        VOICE.table(session, ("coder", "bytes"), rows),
        guess=figures.percent(guessed),
        share=figures.percent(found["float32_zlib"] / found["float32"]),
        zeros=figures.percent(outcome.network.sparsity),
        zlib=figures.count(found["fixed_zlib"]),
        range=figures.count(found["range"]),
        entropy=figures.count(found["entropy"]),
    )


async def shares(session: Session) -> Feedback:
    """How often the first kernel has each value."""
    outcome = await trial.measured(session, sparse(SPARSITY, FEW))
    tensor = outcome.network.tensors[session.sites[0].path]
    values, counts = np.unique(tensor.dense, return_counts=True)
    rows = [
        (f"{value:.4f}", f"{share:.4f}")
        for value, share in zip(values, counts / tensor.dense.size, strict=True)
    ]
    table = VOICE.table(session, ("value", "share"), rows)
    return VOICE.shown(session, "shares", table, path=session.sites[0].path)


async def packed(session: Session) -> Feedback:
    """Write what is on the screen as ``.wbz``, unpack it, and compare every bit."""
    # Imported late: TensorFlow takes seconds.
    from workbench.engine.layers import values_of, variables
    from workbench.engine.realize import realize
    from workbench.export.wbz import unpack

    outcome = await trial.measured(session, session.recipe)
    with tempfile.TemporaryDirectory() as folder:
        artifact = written(session, outcome, Path(folder))
        again, _ = unpack(artifact.path.read_bytes())
    model = realize(session.workload, outcome.network)
    ours, theirs = (
        {path: values_of(value).tobytes() for path, value in variables(one).items()}
        for one in (model, again)
    )
    if ours != theirs:
        raise UserError("size.differs")
    return VOICE.shown(
        session,
        "packed",
        file=artifact.path.name,
        bytes=figures.count(artifact.bytes.value),
        original=figures.count(figures.original_bytes(session)),
        ratio=f"{figures.original_bytes(session) / artifact.bytes.value:.1f}",
        bits=figures.count(8 * sum(map(len, ours.values()))),
    )


def written(session: Session, outcome: Outcome, folder: Path) -> Artifact:
    """The ``.wbz`` file of an outcome.

    Raises:
        UserError: If the model carries code.
    """
    from workbench.export.artifact import ExportJob
    from workbench.export.wbz import wbz

    recipe, network = outcome.recipe, outcome.network
    return wbz(ExportJob(session.workload, network, recipe, folder))


def coders(tensors: Sequence[CompressedTensor]) -> dict[str, float]:
    """Bytes of clustered kernels under each of `CODERS`, codebooks included."""
    symbols = [symbols_of(tensor) for tensor in tensors]
    tables = sum(tensor.code.table_bits for tensor in tensors) / 8
    raw = b"".join(tensor.dense.tobytes() for tensor in tensors)
    indexes = b"".join(each.tobytes() for each in symbols)
    widths = [int(each.max()).bit_length() for each in symbols]
    fixed = sum(w * each.size for w, each in zip(widths, symbols, strict=True)) / 8
    return {
        "float32": len(raw),
        "float32_zlib": len(zlib.compress(raw, 9)),
        "fixed": fixed + tables,
        "fixed_zlib": len(zlib.compress(indexes, 9)) + tables,
        "entropy": sum(entropy(each) * each.size for each in symbols) / 8 + tables,
        "range": sum(map(coded_bytes, tensors)),
    }


def symbols_of(tensor: CompressedTensor) -> NDArray[np.uint8]:
    """The index of each weight of a clustered kernel, from 1 on, and 0 for a zero."""
    code = tensor.code
    assert isinstance(code, Codebook)
    symbols = code.indexes + np.uint8(1)
    return symbols if tensor.mask is None else np.where(tensor.mask, symbols, 0)


def entropy(symbols: NDArray[np.uint8]) -> float:
    """Bits of a symbol on the mean: ``-sum p log2 p`` over how often each one is."""
    counts = np.bincount(symbols.ravel())
    shares = counts[counts > 0] / symbols.size
    return float(-(shares * np.log2(shares)).sum())


def _values(tensor: CompressedTensor) -> str:
    return ", ".join(f"{value:.3g}" for value in np.unique(tensor.dense))
