"""The compiled loops of `workbench.core.coder`: an adaptive binary range coder.

Every decision of 0 or 1 is coded at a probability that follows what was coded before,
so that no table of frequencies is stored. All arithmetic is on whole numbers: another
machine decodes the same. One function both encodes and decodes, so that the two cannot
disagree: ``state`` holds the ends of the interval, the place in the buffer, the
decoder's window, and whether this is the decoder.

Contexts are estimates that count: the n-th observation moves one by ``1 / (n + 1.5)``,
which is the estimator of Krichevsky and Trofimov, up to a limit. Where several speak of
one decision, they are mixed in the logistic domain by weights that learn online
(Mahoney 2005, "Adaptive weighing of context models for lossless data compression").
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from workbench.core.compiled import compiled

_compiled: Any = compiled(nogil=True, cache=True, error_model="numpy")

LOW, HIGH, PLACE, WINDOW, DECODES = range(5)
# Probabilities have 16 bits where they are coded and 22 where they are kept.
_ONE, _FINE = 1 << 16, 1 << 22
_LEAST = 24
_LIMIT = 1023
_PRIOR = 6
_RATE = 16
_FULL = 0xFFFFFFFF
MANTISSA = 23
FLOAT_HEAD = 9
# A magnitude m has floor(log2(m)) + 1 digits; nearby ones tell how many to expect.
CLASSES = 18
LEVELS = 16
DIGITS = 8

_STEPS = np.array([round(_ONE / (n + 1.5)) for n in range(_LIMIT + 1)], np.int64)
# The logistic function and its inverse; no entry is close to a tie of rounding.
SQUASHED = np.array(
    [round(_ONE / (1 + math.exp(-x / 256))) for x in range(-2047, 2048)], np.int64
)
STRETCHED = np.array(
    [round(256 * math.log((i + 0.5) / (4095.5 - i))) for i in range(4096)], np.int64
)


@_compiled
def _bit(bit: int, p: int, state: Any, buffer: Any) -> int:
    """Code a decision whose probability of 1 is ``p / 65536``; returns it."""
    low, high = state[0], state[1]
    middle = low + ((high - low) * p >> 16)
    if state[4]:
        bit = 1 if state[3] <= middle else 0
    if bit:
        high = middle
    else:
        low = middle + 1
    while (low ^ high) & 0xFF000000 == 0:
        place = state[2]
        if state[4]:
            byte = np.int64(buffer[place]) if place < buffer.size else 0
            state[3] = ((state[3] << 8) & _FULL) | byte
        else:
            buffer[place] = high >> 24
        state[2] = place + 1
        low, high = (low << 8) & _FULL, ((high << 8) & _FULL) | 255
    state[0], state[1] = low, high
    return bit


@_compiled
def _learn(context: Any, bit: int) -> None:
    count = context[1]
    context[0] += ((bit << 22) - context[0]) * _STEPS[count] >> 16
    if count < _LIMIT:
        context[1] = count + 1


@_compiled
def _plain(bit: int, context: Any, state: Any, buffer: Any) -> int:
    """Code a decision by one context."""
    p = min(max(context[0] >> 6, _LEAST), _ONE - _LEAST)
    bit = _bit(bit, p, state, buffer)
    _learn(context, bit)
    return bit


@_compiled
def _mixed(bit: int, given: Any, weights: Any, state: Any, buffer: Any) -> int:
    """Code a decision by several contexts.

    Args:
        bit: The decision; any where this is the decoder.
        given: The stretched probabilities of the contexts, int64.
        weights: Of each, in 1/65536; they learn.
        state: Of the coder.
        buffer: Of the coder.
    """
    total = 0
    for i in range(given.size):
        total += given[i] * weights[i]
    place = min(max(total >> 16, -2047), 2047)
    p = min(max(SQUASHED[place + 2047], _LEAST), _ONE - _LEAST)
    bit = _bit(bit, p, state, buffer)
    error = (bit << 16) - p
    for i in range(given.size):
        weights[i] += (given[i] * error + (1 << (_RATE - 1))) >> _RATE
    return bit


@_compiled
def _stretched(context: Any) -> int:
    return int(STRETCHED[context[0] >> 10])


@_compiled
def _tree(value: int, bits: int, nodes: Any, state: Any, buffer: Any) -> int:
    """Code a number of so many bits, from its highest on, by a context a node."""
    node = 1
    for i in range(bits - 1, -1, -1):
        node = 2 * node + _plain((value >> i) & 1, nodes[node], state, buffer)
    return node - (1 << bits)


@_compiled
def floats(words: Any, nodes: Any, mantissa: Any, state: Any, buffer: Any) -> None:
    """Code 32-bit words: sign and exponent as one number, then bit by bit."""
    for i in range(words.size):
        word = np.int64(words[i]) & _FULL
        head = _tree(word >> MANTISSA, FLOAT_HEAD, nodes, state, buffer)
        tail = 0
        for k in range(MANTISSA - 1, -1, -1):
            tail = 2 * tail + _plain((word >> k) & 1, mantissa[k], state, buffer)
        words[i] = (head << MANTISSA) | tail


@_compiled
def flags(  # noqa: PLR0913, PLR0917  # a compiled loop takes no keywords
    kept: Any, rows: Any, columns: Any, near: Any, weights: Any, state: Any, buffer: Any
) -> None:
    """Code where a matrix is not zero, by its row, its column and its neighbours.

    Args:
        kept: uint8 (rows, columns), 0 or 1; the decoder writes it.
        rows: Contexts, int64 (1, 2): of the row that is being coded.
        columns: Contexts, int64 (columns, 2).
        near: Contexts, int64 (65, 2): of six neighbours, and last of all places.
        weights: Of the mixture, int64 (5,).
        state: Of the coder.
        buffer: Of the coder.
    """
    given = np.empty(5, np.int64)
    given[4] = 256
    height, width = kept.shape
    overall = near[64]
    for r in range(height):
        rows[0, 0], rows[0, 1] = overall[0], min(overall[1], _PRIOR)
        for c in range(width):
            if r == 0:
                columns[c, 0], columns[c, 1] = overall[0], min(overall[1], _PRIOR)
            around = 0
            for i in range(1, 4):
                around = 2 * around + (kept[r, c - i] if c >= i else 0)
            around = 2 * around + (kept[r - 1, c] if r > 0 else 0)
            around = 2 * around + (kept[r - 2, c] if r > 1 else 0)
            ahead = r > 0 and c + 1 < width
            around = 2 * around + (kept[r - 1, c + 1] if ahead else 0)
            given[0], given[1] = _stretched(rows[0]), _stretched(columns[c])
            given[2], given[3] = _stretched(near[around]), _stretched(overall)
            bit = _mixed(np.int64(kept[r, c]), given, weights, state, buffer)
            _learn(rows[0], bit)
            _learn(columns[c], bit)
            _learn(near[around], bit)
            _learn(overall, bit)
            kept[r, c] = bit


@_compiled
def levels(  # noqa: PLR0913, PLR0917  # a compiled loop takes no keywords
    values: Any,
    signs: Any,
    classes: Any,
    nodes: Any,
    weights: Any,
    state: Any,
    buffer: Any,
) -> None:
    """Code the integers of a matrix that are not zero: sign, length, digits.

    The length of a magnitude, ``floor(log2(m))``, is coded one by one, by what was
    usual everywhere, lately in its row, and lately in its column.

    Args:
        values: int32 (rows, columns); for the decoder 1 in place of each.
        signs: Contexts, int64 (3, 2): after none, a positive, a negative one.
        classes: Contexts, int64 (3, LEVELS, CLASSES, 2).
        nodes: Contexts of the digits, int64 (CLASSES, 256, 2).
        weights: Of the mixtures, int64 (CLASSES, 4).
        state: Of the coder.
        buffer: Of the coder.
    """
    height, width = values.shape
    lately = np.full(width, -1, np.int64)
    for r in range(height):
        row, last = -1, 0
        for c in range(width):
            value = np.int64(values[r, c])
            if value == 0:
                continue
            negative = 1 if value < 0 else 0
            negative = _plain(negative, signs[last], state, buffer)
            last = 1 + negative
            size = abs(value)
            contexts = (
                classes[0, 0],
                classes[1, _level(row)],
                classes[2, _level(lately[c])],
            )
            length = _length(size, contexts, weights, state, buffer)
            size = _digits(size, length, nodes[length], state, buffer)
            values[r, c] = -size if negative else size
            row = _recent(row, length)
            lately[c] = _recent(lately[c], length)


@_compiled
def _level(average: int) -> int:
    return min(1 + (average >> 4), LEVELS - 1) if average >= 0 else 0


@_compiled
def _recent(average: int, length: int) -> int:
    """The moving average of lengths, in 1/32; -1 where there was none."""
    return average + (((length << 5) - average) >> 2) if average >= 0 else length << 5


@_compiled
def _length(size: int, contexts: Any, weights: Any, state: Any, buffer: Any) -> int:
    given = np.empty(4, np.int64)
    given[3] = 256
    everywhere, row, column = contexts
    for k in range(CLASSES - 1):
        given[0], given[1] = _stretched(everywhere[k]), _stretched(row[k])
        given[2] = _stretched(column[k])
        bit = 1 if size >> (k + 1) else 0
        bit = _mixed(bit, given, weights[k], state, buffer)
        _learn(everywhere[k], bit)
        _learn(row[k], bit)
        _learn(column[k], bit)
        if not bit:
            return k
    return CLASSES - 1


@_compiled
def _digits(size: int, length: int, nodes: Any, state: Any, buffer: Any) -> int:
    """Code what follows the first digit: eight digits by contexts, the rest as is."""
    rest = max(length - DIGITS, 0)
    top = _tree(
        (size >> rest) & ((1 << length - rest) - 1), length - rest, nodes, state, buffer
    )
    found = (1 << length - rest) | top
    for k in range(rest - 1, -1, -1):
        found = 2 * found + _bit((size >> k) & 1, _ONE >> 1, state, buffer)
    return found


@_compiled
def indexes(values: Any, bits: int, nodes: Any, state: Any, buffer: Any) -> None:
    """Code indexes plus one, where they are not 0; for the decoder 1 in place of each.

    Args:
        values: int32 (n,).
        bits: Of an index.
        nodes: Contexts, int64 (256, 2).
        state: Of the coder.
        buffer: Of the coder.
    """
    for i in range(values.size):
        if values[i]:
            values[i] = 1 + _tree(values[i] - 1, bits, nodes, state, buffer)


@_compiled
def number(value: int, bits: int, state: Any, buffer: Any) -> int:
    """Code a number of so many bits as it is."""
    found = 0
    for k in range(bits - 1, -1, -1):
        found = 2 * found + _bit((value >> k) & 1, _ONE >> 1, state, buffer)
    return found
