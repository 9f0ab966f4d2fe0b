"""Measures a subject on a model, in a process of its environment; keeps the result."""

from __future__ import annotations

import json
import os
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.environments import python_of
from benchmarks.peers.inputs import Inputs, prepare
from benchmarks.peers.measuring import (
    THREADS,
    accuracy_of,
    seconds,
    weights_file,
)
from benchmarks.peers.places import MODELS, RESULTS, ROOT, SCRATCH
from workbench import demo
from workbench.bench.benchmark import machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.peers.roster import Piece

LONGEST_S = 1800
_THREADS = ("OMP_NUM", "NUMBA_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")
_ENVIRONMENT = {f"{name}_THREADS": str(THREADS) for name in _THREADS} | {
    "CUDA_VISIBLE_DEVICES": "",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def measured(piece: Piece, *, is_fresh: bool = False) -> dict[str, Any]:
    """What is known of a piece: from an earlier run, or measured now.

    Args:
        piece: A subject on a model, its seconds or its files.
        is_fresh: Whether it is measured again.

    Returns:
        ``records``, and under which conditions they were taken.

    Raises:
        RuntimeError: If the subject fails; its output is in the log that is named.
    """
    kept = result_file(piece)
    if kept.exists() and not is_fresh:
        return json.loads(kept.read_text("utf-8"))
    model, subject = piece.model, piece.subject
    name = model if model in demo.names() else "cnn"
    scratch = SCRATCH / subject.module
    inputs = Inputs(model, MODELS, demo.paths(name)[1], scratch, piece.is_timed)
    if not (MODELS / f"{model}.json").exists():
        _in_a_child(prepare, MODELS, (model,))
    python = python_of(subject.environment)
    found = {
        "records": [],
        "measured": time.strftime("%Y-%m-%d %H:%M"),
        "machine": machine(),
    }
    before = yardstick_ms()
    records = _run(python, piece, inputs)
    found["yardstick_ms"] = [before, yardstick_ms()]
    if any(one["accuracy"] is None and one["coded_bytes"] for one in records):
        records = _in_a_child(_scored, inputs, records)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(found | {"records": records}, indent=1), "utf-8")
    return json.loads(kept.read_text("utf-8"))


def result_file(piece: Piece) -> Path:
    """Where the result of a piece is kept."""
    return RESULTS / f"{piece.subject.module}-{piece.model}-{piece.part}.json"


def yardstick_ms() -> float:
    """Milliseconds of a fixed work, to see whether the machine kept its pace."""
    square = np.random.default_rng(0).normal(size=(1000, 1000))
    return 1000 * median(seconds(lambda: square @ square) for _ in range(9))


def _run(python: Path, piece: Piece, inputs: Inputs) -> list[dict[str, Any]]:
    inputs.scratch.mkdir(parents=True, exist_ok=True)
    out = inputs.scratch / "records.json"
    wish = {
        "module": piece.subject.module,
        "package": piece.subject.package,
        "model": inputs.name,
        "is_timed": inputs.is_timed,
        "folder": str(inputs.folder),
        "data": str(inputs.data),
        "scratch": str(inputs.scratch),
        "out": str(out),
    }
    log = result_file(piece).with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        done = subprocess.run(
            [str(python), "-m", "benchmarks.peers.measuring", json.dumps(wish)],
            cwd=ROOT,
            env=os.environ | _ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_S,
            check=False,
        )
    if done.returncode:
        name = f"{piece.subject.module} ({piece.part})"
        raise RuntimeError(f"{name} failed on {inputs.name}: see {log}")
    return json.loads(out.read_text("utf-8"))


def _scored(inputs: Inputs, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Score decoded weights in plain Keras."""
    import keras

    model: Any = keras.saving.load_model(inputs.keras_file, compile=False)
    scored = []
    for record in records:
        with np.load(weights_file(inputs, record["setting"])) as stored:
            model.set_weights([stored[key] for key in stored.files])
        answers = model.predict(inputs.images, batch_size=500, verbose=0)
        scored.append(record | {"accuracy": accuracy_of(answers, inputs.labels)})
    return scored


def _in_a_child(work: Callable[..., Any], *arguments: Any) -> Any:
    """Call something in a process of its own, so that none is left behind."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()
