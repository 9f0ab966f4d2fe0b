"""The ``.keras`` exporter: plain Keras opens the file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.cost import sizes
from workbench.core.errors import UserError
from workbench.core.quantity import Quantity
from workbench.core.store import write_atomic
from workbench.export.artifact import Artifact, ExportJob, Note, exporters

if TYPE_CHECKING:
    import keras

    from workbench.engine.workload import Workload

_SAMPLES = 64
# What two runs of one model may differ by: the order of additions.
_TOLERANCE = 1e-5


@exporters.add("keras")
def keras_file(job: ExportJob) -> Artifact:
    """Weights on their grids, as floats, in the user's own layers.

    Raises:
        UserError: If the file cannot be opened again, or says something else then.
    """
    from workbench.engine.realize import realize

    small = job.shrunk()
    model = realize(small.workload, small.network)
    _keep_loss(job.workload.model, model)
    path = job.folder / "model.keras"
    write_atomic(path, _content(model))
    gap = _gap_after_reopening(job.workload, model, path)
    others = sum(values.size for values in small.workload.others.values())
    packed = sizes(small.network, others).packed
    types = ", ".join(sorted({v.dtype for v in model.weights if "float" in v.dtype}))
    notes = [Note.of("export.keras_bytes", types=types, packed=f"{packed.value:,.0f}")]
    if job.network.activations:
        notes.append(Note.of("export.keras_activations"))
    return Artifact(
        path,
        "keras",
        Quantity(path.stat().st_size, "bytes", "in file"),
        largest_gap=gap,
        notes=tuple(notes),
    )


def _keep_loss(original: keras.Model, model: keras.Model) -> None:
    """Compile with the original's loss where that is one of Keras' own.

    It tells whoever opens the file whether outputs are logits.
    """
    import keras

    loss = original.loss if original.compiled else None
    is_own = isinstance(loss, str) or type(loss).__module__.startswith("keras.")
    if loss is not None and is_own:
        model.compile(optimizer=keras.optimizers.SGD(), loss=loss)


def _content(model: keras.Model) -> bytes:
    """The file's bytes, made in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        model.save(file)
        return file.read_bytes()


def _gap_after_reopening(workload: Workload, model: keras.Model, path: Path) -> float:
    """Largest difference of an output between the model and its file."""
    import keras

    from workbench.engine.layers import custom_objects, first_line, pack

    try:
        with keras.saving.custom_object_scope(custom_objects(workload.model)):
            # The file was written here, from a model that the user trusts already.
            again: Any = keras.saving.load_model(path, compile=False, safe_mode=False)
    except Exception as error:  # the user's classes run in there
        reason = first_line(error)
        raise UserError("export.keras_unreadable", reason=reason) from error
    split = workload.data.test or workload.data.train
    if split is None:
        return 0.0
    x = [array[:_SAMPLES] for array in split.x]
    first = keras.tree.flatten(model(pack(model, x), training=False))
    second = keras.tree.flatten(again(pack(again, x), training=False))
    gap = largest = 0.0
    for one, two in zip(first, second, strict=True):
        a, b = np.asarray(one, np.float32), np.asarray(two, np.float32)
        gap = max(gap, float(np.abs(a - b).max(initial=0)))
        largest = max(largest, float(np.abs(a).max(initial=0)))
    if not gap <= _TOLERANCE * max(largest, 1.0):
        raise UserError("export.keras_differs", gap=f"{gap:.3g}")
    return gap
