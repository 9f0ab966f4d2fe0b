"""The compiled loops of `workbench.core.fused`, over a matrix of weights.

In the ``_rows`` forms each row has a scale, in the ``_columns`` forms each column. The
arithmetic is that of NumPy, operation by operation, in float32; only sums may be taken
in another order. Computing and counting are kept apart, since the compiler turns the
first into vector instructions; and four tables take turns in counting, since one would
wait for its own last addition where most weights are zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.core.compiled import compiled

_exact: Any = compiled(nogil=True, cache=True, error_model="numpy")
_summing: Any = compiled(
    nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "nsz"}
)
_STRIP = 4096
_ZERO = np.float32(0)


@_exact
def code_rows(arrays: Any, scales: Any, zeros: Any, limits: Any, counts: Any) -> None:
    """Prune, quantize and count; see `workbench.core.fused.code`."""
    weights, integers, values, kept = arrays
    threshold, low, high = limits
    for r in range(weights.shape[0]):
        scale, zero = scales[r], zeros[r]
        shift = counts.shape[1] // 2 - int(zero)
        for start in range(0, weights.shape[1], _STRIP):
            x = weights[r, start : start + _STRIP]
            q = integers[r, start : start + _STRIP]
            dense = values[r, start : start + _STRIP]
            mask = kept[r, start : start + _STRIP]
            for c in range(x.size):
                is_kept = abs(x[c]) >= threshold
                level = np.rint((x[c] if is_kept else _ZERO) / scale) + zero
                level = max(min(level, high), low)
                dense[c] = scale * (level - zero)
                q[c] = np.int32(level)
                mask[c] = is_kept
            _count(q, shift, counts)


@_exact
def _count(q: Any, shift: Any, counts: Any) -> None:
    quarters = q.size // 4 * 4
    for c in range(0, quarters, 4):
        counts[0, q[c] + shift] += 1
        counts[1, q[c + 1] + shift] += 1
        counts[2, q[c + 2] + shift] += 1
        counts[3, q[c + 3] + shift] += 1
    for c in range(quarters, q.size):
        counts[0, q[c] + shift] += 1


@_exact
def code_columns(
    arrays: Any, scales: Any, zeros: Any, limits: Any, counts: Any
) -> None:
    """As `code_rows`, with a scale for each column."""
    weights, integers, values, kept = arrays
    threshold, low, high = limits
    shifts = counts.shape[1] // 2 - zeros.astype(np.int64)
    for r in range(weights.shape[0]):
        x, q, dense, mask = weights[r], integers[r], values[r], kept[r]
        for c in range(x.size):
            is_kept = abs(x[c]) >= threshold
            level = np.rint((x[c] if is_kept else _ZERO) / scales[c]) + zeros[c]
            level = max(min(level, high), low)
            dense[c] = scales[c] * (level - zeros[c])
            q[c] = np.int32(level)
            mask[c] = is_kept
        for c in range(x.size):
            counts[c % 4, q[c] + shifts[c]] += 1


@_summing
def errors_rows(
    weights: Any, scales: Any, zeros: Any, limits: Any, errors: Any
) -> None:
    """Squared errors of each row on several grids; each row of scales is a grid."""
    threshold, low, high = limits
    for r in range(weights.shape[0]):
        for start in range(0, weights.shape[1], _STRIP):
            x = weights[r, start : start + _STRIP]
            for g in range(scales.shape[0]):
                scale, zero = scales[g, r], zeros[g, r]
                total = 0.0
                for c in range(x.size):
                    kept = x[c] if abs(x[c]) >= threshold else _ZERO
                    level = max(min(np.rint(kept / scale) + zero, high), low)
                    gap = np.float64(scale * (level - zero) - kept)
                    total += gap * gap
                errors[g, r] += total


@_summing
def errors_columns(
    weights: Any, scales: Any, zeros: Any, limits: Any, errors: Any
) -> None:
    """As `errors_rows`, with columns of weights."""
    threshold, low, high = limits
    for r in range(weights.shape[0]):
        x = weights[r]
        for g in range(scales.shape[0]):
            scale, zero, error = scales[g], zeros[g], errors[g]
            for c in range(x.size):
                kept = x[c] if abs(x[c]) >= threshold else _ZERO
                level = max(min(np.rint(kept / scale[c]) + zero[c], high), low)
                gap = np.float64(scale[c] * (level - zero[c]) - kept)
                error[c] += gap * gap


@_exact
def fillers(dense: Any, found: Any) -> Any:
    """Count what lies between non-zeros, for a relative index of 1, 2, ... bits.

    Returns:
        Number of non-zeros, of zeros before the first and of zeros after the last;
        `found` holds the fillers between them.
    """
    kept, gap, leading = 0, 0, 0
    for i in range(dense.size):
        if dense[i] == 0:
            gap += 1
            continue
        if kept == 0:
            leading = gap
        else:
            width = 1
            while gap >> width and width <= found.size:
                found[width - 1] += gap >> width
                width += 1
        kept += 1
        gap = 0
    return kept, leading, gap


@_exact
def nonzeros_between(values: Any, edges: Any, counts: Any) -> None:
    """Count non-zeros in evenly spread bins, the last of which is closed."""
    bins = counts.size
    low, high = edges[0], edges[bins]
    density = bins / (high - low)
    for i in range(values.size):
        value = np.float64(values[i])
        if value == 0 or not low <= value <= high:
            continue
        at = min(int((value - low) * density), bins - 1)
        # The product is rounded: the edges decide.
        if value < edges[at]:
            at -= 1
        elif at < bins - 1 and value >= edges[at + 1]:
            at += 1
        counts[at] += 1


@_exact
def kept_and_gone(values: Any, mask: Any) -> Any:
    """Smallest magnitude that was kept and largest that was not."""
    kept, gone = np.float32(np.inf), _ZERO
    for i in range(values.size):
        size = abs(values[i])
        kept = min(kept, size if mask[i] else np.float32(np.inf))
        gone = max(gone, _ZERO if mask[i] else size)
    return kept, gone
