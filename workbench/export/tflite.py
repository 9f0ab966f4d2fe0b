"""The ``.tflite`` exporters: integer weights, or everything in int8.

The converter only turns the graph into a float file, in a process of its own; which
integers go in is decided here, so that the file is what was simulated. Then it is read
back and run in LiteRT.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.core.codes import Affine
from workbench.core.errors import UserError
from workbench.core.factors import spread
from workbench.core.int8 import INT8_BITS
from workbench.core.network import Network
from workbench.core.quantity import Quantity
from workbench.core.store import write_atomic
from workbench.export.artifact import Artifact, ExportJob, Note, checks, exporters
from workbench.export.batch_shapes import fix_reshapes
from workbench.export.convert import convert
from workbench.export.flat_model import FlatModel
from workbench.export.full_int8 import to_int8
from workbench.export.kernels_in_file import find_kernels
from workbench.export.parity import ENOUGH, compare
from workbench.export.run import Runtime
from workbench.export.saved_graph import has_loop, save_graph
from workbench.export.stored_weights import Kept, store_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.core.recipe import Recipe
    from workbench.engine.workload import Workload

Kind = Literal["dynamic", "exact", "int8"]
_MOST_NAMED = 6


@exporters.add("tflite")
def tflite(job: ExportJob) -> Artifact:
    """Integer weights; LiteRT rounds activations on the fly where that is faster."""
    return _export(job, "tflite", "dynamic", "model.tflite")


@exporters.add("tflite-exact")
def tflite_exact(job: ExportJob) -> Artifact:
    """Integer weights, arithmetic in floats: slower, the simulation's very answers."""
    return _export(job, "tflite-exact", "exact", "model-exact.tflite")


@exporters.add("tflite-int8")
def tflite_int8(job: ExportJob) -> Artifact:
    """Weights and activations in int8.

    Raises:
        UserError: If activations are not quantized to 8 bits, or the model loops.
    """
    from workbench.engine.int8_contract import on_int8_contract

    grids = job.network.activations
    _check_int8(job.workload, {path: grid.bits for path, grid in grids.items()})
    job = replace(job, network=on_int8_contract(job.workload, job.network))
    return _export(job, "tflite-int8", "int8", "model-int8.tflite")


@dataclass(frozen=True, eq=False)
class _Made:
    """A file's content, and what was done to get it."""

    data: bytes
    order: tuple[int, ...]
    notes: tuple[Note, ...]


def _export(job: ExportJob, name: str, kind: Kind, file_name: str) -> Artifact:
    has_activations = bool(job.network.activations)
    if kind != "int8":
        # What the file is compared with computes in floats too.
        job = replace(job, network=replace(job.network, activations={}))
    made = _make(job.shrunk(), kind)
    notes = made.notes
    if kind != "int8" and has_activations:
        notes = (*notes, Note.of("export.activations_float"))
    path = job.folder / file_name
    write_atomic(path, made.data)
    artifact = Artifact(
        path,
        name,
        Quantity(path.stat().st_size, "bytes", "in file"),
        types=FlatModel(path.read_bytes()).stored_types(),
        notes=notes,
    )
    return _measured(job, artifact, made.order)


def _make(job: ExportJob, kind: Kind) -> _Made:
    workload, network = job.workload, job.network
    loops = has_loop(workload.model)
    data, names = _float_file(job, 1 if loops else None, with_grids=kind == "int8")
    model = FlatModel(data)
    _put_in_order(model)
    fix_reshapes(model)
    found = find_kernels(model, spread(network.tensors))
    notes: list[Note] = [Note.of("export.one_sample")] if loops else []
    integers = {stored.path for stored in found.values()}
    if kind == "int8":
        paths = [place.site.path for place in workload.places]
        report, found = to_int8(model, found, paths)
        if report.float_names:
            operators = ", ".join(sorted(set(report.float_names)))
            count = len(report.float_names)
            notes.append(
                Note.of("export.float_operators", count=count, operators=operators)
            )
    kept = store_weights(model, found, allow_dynamic=kind == "dynamic")
    lost = {s.path for s in found.values()} - {one.path for one in kept}
    notes += _width_notes(network, kept, integers - lost)
    return _Made(model.pack(), _order(model, names), tuple(notes))


def _float_file(
    job: ExportJob, batch: int | None, *, with_grids: bool
) -> tuple[bytes, tuple[str, ...]]:
    """The converter's file, and the inputs' names in the model's order."""
    from workbench.engine.realize import realize

    workload, network = job.workload, job.network
    with tempfile.TemporaryDirectory() as folder:
        saved, file = Path(folder) / "saved", Path(folder) / "float.tflite"
        names = save_graph(
            realize(workload, network, in_float32=True),
            workload.places,
            network.activations if with_grids else {},
            workload.examples(1),
            saved,
            batch=batch,
        )
        convert(saved, file, should_stop=job.should_stop)
        return file.read_bytes(), names


def _put_in_order(model: FlatModel) -> None:
    """Give a file its outputs in the model's order, which the converter forgets."""
    tensors = {_name(entry): entry.tensorIndex for entry in model.signatures[0].outputs}
    ordered = [tensors[f"output_{number}"] for number in range(len(tensors))]
    model.graphs[0].outputs = [int(index) for index in ordered]


def _order(model: FlatModel, names: Sequence[str]) -> tuple[int, ...]:
    """Which of the model's inputs each of the file's inputs is."""
    by_tensor = {
        entry.tensorIndex: _name(entry) for entry in model.signatures[0].inputs
    }
    return tuple(names.index(by_tensor[i]) for i in model.graphs[0].inputs)


def _name(entry: Any) -> str:
    """The name of an input or output in a signature."""
    return entry.name.decode() if isinstance(entry.name, bytes) else entry.name


def _measured(job: ExportJob, artifact: Artifact, order: Sequence[int]) -> Artifact:
    workload = job.workload
    with Runtime(artifact.path) as runtime:
        given = workload.examples(1)
        times = runtime.latency([given[i] for i in order]) * 1e3
        low, middle, high = np.percentile(times, (25, 50, 75))
        parity = compare(
            workload,
            job.network,
            runtime,
            order,
            original=job.original,
            should_stop=job.should_stop,
        )
    artifact = replace(
        artifact,
        latency_ms=Quantity(float(middle), "ms", "measured"),
        latency_spread_ms=Quantity(float(high - low) / 2, "ms", "measured"),
    )
    if parity is None:
        return artifact
    notes = artifact.notes
    if parity.agreement is not None and parity.agreement < ENOUGH:
        percent = f"{100 * parity.agreement:.2f}"
        notes = (*notes, Note.of("export.disagrees", percent=percent))
    if parity.has_drifted:
        told = f"{parity.score.score:.4g}", f"{parity.simulated:.4g}"
        notes = (*notes, Note.of("export.drifts", file=told[0], simulated=told[1]))
    speed = Quantity(parity.samples_per_second, "samples/s", "measured")
    return replace(
        artifact,
        score=parity.score,
        agreement=parity.agreement,
        largest_gap=parity.largest_gap,
        samples_per_second=speed,
        notes=notes,
    )


def check_int8(workload: Workload, recipe: Recipe) -> None:
    """Refuse what cannot become a full int8 file.

    Raises:
        UserError: As for `tflite_int8`.
    """
    wishes = {
        output.path: recipe.activations_for(output.path, *output.kernels)
        for output in workload.outputs
    }
    _check_int8(workload, {path: wish.bits for path, wish in wishes.items() if wish})


def check_conversion(workload: Workload, recipe: Recipe) -> None:
    """Refuse before a retraining what the converter would refuse after it.

    Raises:
        UserError: As for `workbench.export.convert.convert`.
    """
    if recipe.retraining is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        job = ExportJob(workload, Network({}, {}), recipe, Path(folder))
        batch = 1 if has_loop(workload.model) else None
        _float_file(job, batch, with_grids=False)


checks["tflite-int8"] = (check_int8, check_conversion)
checks["tflite"] = checks["tflite-exact"] = (check_conversion,)


def _check_int8(workload: Workload, bits: Mapping[str, int]) -> None:
    """Check the widths of activations, by place."""
    if not bits:
        raise UserError("export.no_activations")
    for path, width in bits.items():
        if width != INT8_BITS:
            raise UserError("export.activation_bits", path=path, bits=width)
    if has_loop(workload.model):
        raise UserError("export.loop")


def _width_notes(
    network: Network, kept: Sequence[Kept], integers: set[str]
) -> list[Note]:
    """What a user must know about the widths in the file."""
    tensors = spread(network.tensors)
    coded = {
        path: tensor.bits
        for path, tensor in tensors.items()
        if isinstance(tensor.code, Affine)
    }
    wide = [one.path for one in kept if one.stored_bits > INT8_BITS]
    stored = dict.fromkeys(integers, INT8_BITS)
    stored |= {one.path: one.stored_bits for one in kept}
    narrow = [p for p in coded if coded[p] < min(stored.get(p, 0), INT8_BITS)]
    groups = {
        "export.stored_as_4": [p for p in narrow if stored[p] < INT8_BITS],
        "export.stored_as_8": [p for p in narrow if stored[p] == INT8_BITS],
        "export.stored_as_16": wide,
        "export.left_float": [path for path in coded if path not in integers],
        "export.not_quantized": [p for p in tensors if p not in coded],
        "export.dynamic": [one.path for one in kept if one.is_dynamic],
    }
    return [
        Note.of(key, count=len(paths), paths=_named(list(dict.fromkeys(paths))))
        for key, paths in groups.items()
        if paths
    ]


def _named(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:_MOST_NAMED])
    return shown if len(paths) <= _MOST_NAMED else f"{shown}, ..."
