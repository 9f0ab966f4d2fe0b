"""Which parts of a program LiteRT runs.

What leads from cut to cut is translated and tried out on real samples: LiteRT gets it
where it does as TensorFlow does, up to float rounding, and where a convolution is among
it; TensorFlow is as fast at matrix products.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.engine import silence
from workbench.engine.batching import held_rows, is_convolution, tile_rows
from workbench.engine.flat_piece import FlatPiece
from workbench.engine.piece import is_close
from workbench.engine.translation import Translation
from workbench.engine.translation_rules import Untranslatable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tensorflow as tf
    from numpy.typing import NDArray

    from workbench.engine.cuts import Program
    from workbench.engine.piece import Piece

# A piece holds its weights in its file, once more for LiteRT, and packed per thread.
LARGEST_BYTES = 64 * 2**20
_KEPT = 4


class Runner:
    """Pieces of a program that follow each other.

    Args:
        pieces: From front to back.

    Attributes:
        is_flat: Whether LiteRT runs one of them; it uses all threads by itself.
    """

    def __init__(self, pieces: Sequence[Piece | FlatPiece]) -> None:
        """Nothing runs yet."""
        self._pieces = pieces
        self.is_flat = any(isinstance(piece, FlatPiece) for piece in pieces)

    def __call__(self, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """What the last piece makes of what the first one is given."""
        found = list(tensors)
        for piece in self._pieces:
            found = piece(found)
        return found


class FlatProgram:
    """A program, run by LiteRT where that is as right and faster.

    Args:
        program: The program.
        samples: A few real samples, one array an input.
    """

    def __init__(self, program: Program, samples: Sequence[tf.Tensor]) -> None:
        """Nothing is translated yet."""
        self._program, self._samples = program, samples
        self._parameters: dict[str, tf.Tensor] = {}
        self._values: dict[str, NDArray[Any]] = {}
        self._state: dict[str, str] = {}
        self._version = 0
        self._kept: OrderedDict[tuple[int, int], tuple[FlatPiece, int]] = OrderedDict()

    def runner(self, start: int, stop: int, state: Mapping[str, str]) -> Runner:
        """What runs from one cut to a later one, with the weights of now.

        Args:
            start: The cut.
            stop: The later one, or the program's end.
            state: By address a hash of what each variable holds.
        """
        pieces: list[Piece | FlatPiece] = []
        for is_known, group in groupby(range(start, stop), self._known.__getitem__):
            first, *rest = group
            last = [first, *rest][-1] + 1
            inside = self._program.between(first, last)
            if is_known and any(map(is_convolution, inside)):
                pieces.append(self._flat(first, last, state))
            else:
                pieces.append(self._program.piece(first, last))
        return Runner(pieces)

    def _flat(self, start: int, stop: int, state: Mapping[str, str]) -> FlatPiece:
        """A piece for LiteRT; made anew where it was not used lately."""
        self._read(state)
        key = (start, stop)
        piece, version = self._kept.pop(key, (None, 0))
        if piece is None:
            rows = tile_rows(self._program.between(start, stop))
            piece = FlatPiece(self._translate(start, stop, rows))
        if version != self._version:
            piece.load(self._values)
        self._kept[key] = (piece, self._version)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return piece

    def _read(self, state: Mapping[str, str]) -> None:
        """Compute what the weights in the files come from, where it changed."""
        if state != self._state:
            self._values = self._parameter_values()
            self._state, self._version = dict(state), self._version + 1

    def _parameter_values(self) -> dict[str, NDArray[Any]]:
        found = self._reader(())
        return dict(zip(self._parameters, map(np.asarray, found), strict=True))

    @cached_property
    def _reader(self) -> Piece:
        return self._program.extract((), list(self._parameters.values()))

    @cached_property
    def _known(self) -> list[bool]:
        """For each cut whether LiteRT does what leads from there to the next one."""
        program = self._program
        is_tried = (
            not program.is_impure
            and program.weight_bytes <= LARGEST_BYTES
            and any(map(is_convolution, program.between(0, program.end)))
        )
        if not is_tried:
            return [False] * program.end
        # What they make at all cuts is held together.
        held = held_rows(sum(cut.bytes_per_sample for cut in program.cuts))
        samples = [array[:held] for array in self._samples]
        rows = len(samples[0])
        translations = [self._attempt(cut, rows) for cut in range(program.end)]
        for translation in filter(None, translations):
            self._parameters |= translation.parameters
        weights = self._parameter_values()
        expected = self._expected(samples)
        # LiteRT says on the way which of its kernels it uses.
        with silence():
            return [
                translation is not None
                and self._agrees(cut, FlatPiece(translation), weights, expected)
                for cut, translation in enumerate(translations)
            ]

    def _attempt(self, cut: int, rows: int) -> Translation | None:
        try:
            return self._translate(cut, cut + 1, rows)
        except Untranslatable:
            return None

    def _expected(self, samples: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        """What TensorFlow has for samples at every cut and at the end."""
        program = self._program
        ends = range(1, program.end + 1)
        tensors = [t for cut in ends for t in program.tensors(cut)]
        found = program.extract(program.tensors(0), tensors)(samples)
        given = zip(program.tensors(0), samples, strict=True)
        return {t.name: v for t, v in (*given, *zip(tensors, found, strict=True))}

    def _agrees(
        self,
        cut: int,
        piece: FlatPiece,
        weights: Mapping[str, NDArray[Any]],
        expected: Mapping[str, tf.Tensor],
    ) -> bool:
        """Whether a piece makes of the samples what TensorFlow does."""
        given, made = (self._program.tensors(place) for place in (cut, cut + 1))
        try:
            piece.load(weights)
            found = piece([expected[tensor.name] for tensor in given])
        except (RuntimeError, ValueError):
            return False
        wanted = [expected[tensor.name] for tensor in made]
        return all(map(is_close, found, wanted))

    def _translate(self, start: int, stop: int, rows: int) -> Translation:
        program = self._program
        ends = program.tensors(start), program.tensors(stop)
        return Translation(program.operations, *ends, program.data, rows)
