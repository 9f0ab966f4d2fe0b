"""ai-edge-quantizer, which litert-quantizer goes on with under a new name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.subjects import litert_quantizer

if TYPE_CHECKING:
    from benchmarks.peers.inputs import Inputs
    from benchmarks.peers.measuring import Setting


def settings(inputs: Inputs) -> list[Setting]:
    """The same as of litert-quantizer."""
    return litert_quantizer.settings(inputs, "ai_edge_quantizer")
