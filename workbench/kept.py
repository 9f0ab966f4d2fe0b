"""What of a session survives a reload and a killed kernel."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from workbench.core.errors import UserError
from workbench.core.history import Timeline
from workbench.memory import Earlier, Memory
from workbench.state import State, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.core.measurement import Retrained
    from workbench.lanes import Lanes


class KeptState(State):
    """State that is kept on disk, where the session has a memory.

    Attributes:
        lanes: Where work is done, and what it delivers is taken over.
    """

    lanes: Lanes
    _memory: Memory | None = None
    _timeline: Timeline
    _weights_digest = ""

    @property
    def name(self) -> str:
        """The session's unguessable name; empty where it is not kept."""
        return self._memory.name if self._memory else ""

    @property
    def source(self) -> str:
        """What model and data the session is about."""
        return f"{self.model} {self.data}"

    def keep(self, retrained: Retrained) -> None:
        """Keep retrained weights on disk, against a killed kernel.

        Where the disk refuses, that is said, and the work goes on.
        """
        if self._memory is None:
            return
        try:
            self._memory.keep(retrained)
        except UserError as error:
            self.fail(error)

    def remember(self) -> None:
        """Keep recipe, history and view on disk; a refusal is said, as by `keep`."""
        if self._memory is None:
            return
        try:
            self._memory.save(
                Earlier(
                    self._timeline,
                    self.history,
                    self.budget,
                    self.view,
                    self.selection,
                    self.source,
                    self._weights_digest,
                )
            )
        except UserError as error:
            self.fail(error)

    def fail(self, error: UserError) -> None:
        """Say a mistake of the user in the status line."""
        self.lanes.post(lambda: self._fail(error, ""))

    def _remembering(self, name: str | None) -> Memory:
        """The memory of a name; a fresh one, with the reason said, where it is none."""
        try:
            return Memory(name)
        except UserError as error:
            self._fail(error, "")
            return Memory()

    def _recall(self) -> None:
        """Go on where the session of this name stopped."""
        if self._memory is None:
            return
        try:
            earlier = self._memory.load()
        except UserError as error:
            self._fail(error, "")
            return
        if earlier is None:
            return
        if earlier.source != self.source:
            # That session stays as it is; this one gets a name of its own.
            self._memory = Memory()
            return
        self._timeline = earlier.timeline
        self._weights_digest = earlier.weights
        self.set(
            recipe=earlier.timeline.now,
            history=earlier.history,
            budget=earlier.budget,
            view=dict(earlier.view),
            selection=earlier.selection,
        )
        try:
            self.retrained = self._memory.load_retrained()
        except UserError as error:
            self._fail(error, "")

    def _belongs_to(self, digests: Mapping[str, str]) -> None:
        """Forget dots and a retraining that come from other weights than these."""
        text = "\n".join(f"{path}={digests[path]}" for path in sorted(digests))
        weights = hashlib.sha256(text.encode()).hexdigest()
        if self._weights_digest not in ("", weights):
            self.set(history=(), retrained=None)
            if self._memory is not None:
                self._memory.drop_retrained()
        self._weights_digest = weights

    def _fail(self, error: Exception, trace: str) -> None:
        if isinstance(error, UserError):
            values = tuple(error.values.items())
            self.status = Status(error.key, values, is_error=True)
        else:
            said = (("error", f"{type(error).__name__}: {error}"),)
            self.status = Status("session.fault", said, is_error=True, detail=trace)
