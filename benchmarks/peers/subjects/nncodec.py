"""nncodec: the standard ISO/IEC 15938-17, a coder of weights without a runtime.

The workbench scores what it decodes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.peers.measuring import Answer, Setting

if TYPE_CHECKING:
    from benchmarks.peers.inputs import Inputs

# Its main knob: a higher one quantizes more coarsely.
QUANTIZATION_PARAMETERS = (-32, -28, -24, -20)


def settings(inputs: Inputs) -> list[Setting]:
    """Its defaults but for the quantization parameter."""
    return [
        Setting(
            f"qp {level}", partial(_coded, inputs, level), is_coded=True, is_timed=False
        )
        for level in QUANTIZATION_PARAMETERS
    ]


def _coded(inputs: Inputs, level: int) -> Answer:
    from nncodec.nn import decode, encode

    named = {f"w{place:03}": values for place, values in enumerate(inputs.weights)}
    wish = {"qp": level, "results": str(inputs.scratch), "verbose": False}
    stream = encode(named, args=wish)
    decoded = decode(stream)
    return Answer(None, bytes(stream), tuple(decoded[name] for name in named))
