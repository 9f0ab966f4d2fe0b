"""Who is compared, in which environment, on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.peers.inputs import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator

# Models on which changes are timed: two convolutional nets.
TIMED = ("bench", "cnn")
PARTS = ("seconds", "files")
# What some peers stop at: here their program has no form for a recurrent layer.
_NO_LSTM = ("bench", "cnn", "lenet")


@dataclass(frozen=True)
class Subject:
    """Something that is measured.

    Attributes:
        module: Of `benchmarks.peers.subjects`.
        package: Whose version is noted; names the subject in tables.
        environment: Name of its requirements; None for the workbench's own.
        parts: What is measured of it, of `PARTS`.
        models: Those it is measured on.
    """

    module: str
    package: str
    environment: str | None
    parts: tuple[str, ...] = PARTS
    models: tuple[str, ...] = MODELS


@dataclass(frozen=True)
class Piece:
    """What is measured in one process.

    Attributes:
        subject: Of the roster.
        model: Of its models.
        part: Of its parts.
    """

    subject: Subject
    model: str
    part: str

    @property
    def is_timed(self) -> bool:
        """Whether seconds are compared."""
        return self.part == "seconds"


OWN = "compression-workbench"
SUBJECTS = (
    Subject("workbench_live", OWN, None, ("seconds",)),
    Subject("litert_quantizer", "litert-quantizer", "litert"),
    Subject("ai_edge_quantizer", "ai-edge-quantizer", "litert"),
    Subject("onnx_runtime", "onnxruntime", "litert"),
    Subject("litert_converter", "tensorflow", "litert"),
    Subject("keras_quantize", "keras", "litert"),
    Subject("tfmot", "tensorflow-model-optimization", "litert"),
    Subject("workbench_files", OWN, None, ("files",)),
    Subject("mct", "model-compression-toolkit", "mct", ("files",), _NO_LSTM),
    Subject("nncodec", "nncodec", "nncodec", ("files",)),
)


def pieces() -> Iterator[Piece]:
    """Everything that can be measured, what is timed first."""
    for part in PARTS:
        for subject in SUBJECTS:
            for model in subject.models:
                if part in subject.parts and (part == "files" or model in TIMED):
                    yield Piece(subject, model, part)
