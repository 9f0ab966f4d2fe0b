"""An entropy coder of arrays: masks, integers, indexes and floats, without tables.

```
writer = Coder()
writer.levels(matrix)
same = Coder(writer.content()).levels(np.ones_like(matrix))
```

The same calls in the same order read what they wrote, into arrays of the shapes that
the caller knows. What may come of damaged content is any value within the widths that
were asked for; that nothing is read past its end is for the caller to ask, by
`is_spent`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Contexts = NDArray[np.int64]

# A decision takes at least 24/65536 of certainty, so a byte holds no more of them.
DECISIONS_A_BYTE = 1 << 14
_HALF = 1 << 21
_WORST_BITS = 12
_SPARE = 64
_STRIP = 1 << 16
_TAIL = 4


class Coder:
    """One stream, written or read from its beginning.

    Args:
        content: What to read; None to write.
    """

    def __init__(self, content: bytes | None = None) -> None:
        """Begin at the first byte."""
        from workbench.core import coder_kernels

        self._run = coder_kernels
        self._state = np.array([0, 0xFFFFFFFF, 0, 0, content is not None], np.int64)
        if content is None:
            self._buffer = np.zeros(1 << 12, np.uint8)
        else:
            self._buffer = np.frombuffer(content, np.uint8).copy()
            head = content[:_TAIL].ljust(_TAIL, b"\0")
            self._state[2] = _TAIL
            self._state[3] = int.from_bytes(head, "big")
        self._heads = _contexts(1 << coder_kernels.FLOAT_HEAD)
        self._mantissa = _contexts(coder_kernels.MANTISSA)

    @property
    def size(self) -> int:
        """Bytes written or read so far, to one or two."""
        return int(self._state[2])

    @property
    def is_spent(self) -> bool:
        """Whether reading has come to the end of the content, and not beyond it."""
        return self._buffer.size <= self.size <= self._buffer.size + _TAIL

    def content(self) -> bytes:
        """What was written, closed with as few bytes as tell it apart."""
        low, high, place = (int(v) for v in self._state[:3])
        # Whatever the reader takes for missing bytes, zeros, must lie in the interval.
        for count in range(_TAIL + 1):
            step = 1 << 8 * (_TAIL - count)
            value = -(-low // step) * step
            if value <= high:
                tail = value.to_bytes(_TAIL, "big")[:count]
                return bytes(self._buffer[:place]) + tail
        raise AssertionError("An interval holds its own end.")

    def floats(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Code float32 of any shape, bit by bit; earlier ones tell what to expect."""
        words = np.array(values, np.float32, order="C").reshape(-1).view(np.int32)
        for start in range(0, words.size, _STRIP):
            part = words[start : start + _STRIP]
            self._grow(part.size, 32)
            self._run.floats(
                part, self._heads, self._mantissa, self._state, self._buffer
            )
        return words.view(np.float32).reshape(np.shape(values))

    def flags(self, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Code where a matrix is not zero."""
        bits = np.array(kept, np.uint8, order="C")
        columns, near = _contexts(bits.shape[1]), _contexts(65)
        weights = np.array([20000, 20000, 20000, 10000, 0], np.int64)
        self._grow(bits.size, 1)
        self._run.flags(
            bits, _contexts(1), columns, near, weights, self._state, self._buffer
        )
        return bits.astype(np.bool_)

    def levels(self, values: NDArray[np.int32]) -> NDArray[np.int32]:
        """Code the integers of a matrix that are not zero; magnitudes below 2**18."""
        longest = int(np.abs(values).max(initial=1)).bit_length()
        run = self._run
        values = np.array(values, np.int32, order="C")
        self._grow(int(np.count_nonzero(values)), 2 * longest + 1)
        run.levels(
            values,
            _contexts(3),
            _contexts(3, run.LEVELS, run.CLASSES),
            _contexts(run.CLASSES, 1 << run.DIGITS),
            np.tile(np.array([30000, 20000, 20000, 0], np.int64), (run.CLASSES, 1)),
            self._state,
            self._buffer,
        )
        return values

    def indexes(self, values: NDArray[np.int32], bits: int) -> NDArray[np.int32]:
        """Code indexes plus one, those that are not 0, of any shape."""
        flat = np.array(values, np.int32, order="C").reshape(-1)
        self._grow(int(np.count_nonzero(flat)), bits)
        self._run.indexes(flat, bits, _contexts(1 << bits), self._state, self._buffer)
        return flat.reshape(np.shape(values))

    def number(self, value: int, bits: int) -> int:
        """Code a whole number below ``2**bits``, none likelier than another."""
        self._grow(1, bits)
        return int(self._run.number(value, bits, self._state, self._buffer))

    def _grow(self, elements: int, decisions: int) -> None:
        """Have room for the longest code of elements of so many decisions."""
        if self._state[4]:
            return
        needed = self.size + elements * decisions * _WORST_BITS // 8 + _SPARE
        if needed > self._buffer.size:
            grown = np.zeros(max(needed, 2 * self._buffer.size), np.uint8)
            grown[: self.size] = self._buffer[: self.size]
            self._buffer = grown


def _contexts(*shape: int) -> Contexts:
    """Estimates that have seen nothing: each at one half, after no observation."""
    found = np.zeros((*shape, 2), np.int64)
    found[..., 0] = _HALF
    return found
