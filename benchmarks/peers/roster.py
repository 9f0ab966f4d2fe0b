"""Who is compared, and in which environment."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.peers.inputs import MODELS

# Models on which changes are timed: two convolutional nets.
TIMED = ("bench", "cnn")


@dataclass(frozen=True)
class Subject:
    """Something that is measured.

    Attributes:
        module: Of `benchmarks.peers.subjects`.
        package: Whose version is noted; names the subject in tables.
        environment: Name of its requirements; None for the workbench's own.
        is_timed: Whether the seconds of its changes are compared.
        models: Those it is measured on.
    """

    module: str
    package: str
    environment: str | None
    is_timed: bool = True
    models: tuple[str, ...] = MODELS


OWN = "compression-workbench"
SUBJECTS = (
    Subject("workbench_live", OWN, None, models=TIMED),
    Subject("litert_quantizer", "litert-quantizer", "litert"),
    Subject("ai_edge_quantizer", "ai-edge-quantizer", "litert"),
    Subject("onnx_runtime", "onnxruntime", "litert"),
    Subject("litert_converter", "tensorflow", "litert"),
    Subject("keras_quantize", "keras", "litert"),
    Subject("tfmot", "tensorflow-model-optimization", "litert"),
    Subject("workbench_files", OWN, None, is_timed=False),
    Subject("mct", "model-compression-toolkit", "mct", is_timed=False),
    Subject("nncodec", "nncodec", "nncodec", is_timed=False),
)
