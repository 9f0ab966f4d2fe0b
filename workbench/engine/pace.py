"""How fast a retraining is: what fits into one call, and the time left."""

from __future__ import annotations

CALL_S = 0.1
MOST_STEPS = 100
MOST_BYTES = 32 * 2**20
_WEIGHT = 0.3


class Pace:
    """Steps and scorings done and to do.

    Args:
        steps: Training steps in all.
        scorings: Scorings on held-out samples in all.
        step_bytes: Size of one step's inputs, labels and outputs.
    """

    def __init__(self, steps: int, scorings: int, step_bytes: int) -> None:
        """Nothing is known of the speed yet."""
        self._steps_left = steps
        self._scorings_left = scorings
        self._most = max(1, min(MOST_STEPS, MOST_BYTES // max(step_bytes, 1)))
        self._step_s: float | None = None
        self._scoring_s = 0.0

    def count(self, limit: int) -> int:
        """Steps for the next call: what takes about 0.1 s, 1 until that is known.

        Args:
            limit: At most so many, at least 1.
        """
        if self._step_s is None:
            return 1
        fitting = int(CALL_S / max(self._step_s, 1e-9))
        return max(1, min(limit, self._most, fitting))

    def trained(self, steps: int, seconds: float, *, is_first: bool) -> None:
        """Note a call; a first one compiles and says nothing of the speed."""
        self._steps_left -= steps
        if is_first:
            return
        now = seconds / steps
        last = now if self._step_s is None else self._step_s
        self._step_s = (1 - _WEIGHT) * last + _WEIGHT * now

    def scored(self, seconds: float) -> None:
        """Note a scoring."""
        self._scorings_left -= 1
        self._scoring_s = seconds

    def seconds_left(self) -> float:
        """Estimated time to the end."""
        steps_s = self._steps_left * (self._step_s or CALL_S)
        return steps_s + self._scorings_left * self._scoring_s
