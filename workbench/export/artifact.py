"""What an export is: its job, what comes out, and the registry of exporters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.core.registry import Registry
from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from workbench.core.measurement import Measurement
    from workbench.core.network import Network
    from workbench.core.quantity import Quantity
    from workbench.core.recipe import Recipe
    from workbench.engine.workload import Workload


@dataclass(frozen=True, eq=False)
class ExportJob:
    """A compressed network and where its file goes.

    Attributes:
        workload: The model and data that it came from.
        network: What to write.
        recipe: The recipe that made it.
        folder: An existing folder to write into; `core.store.publish` makes it whole.
        should_stop: Asked between steps; once true, the export raises `Stopped`.
        original: Exact measurement of the original, where there is one already.
    """

    workload: Workload
    network: Network
    recipe: Recipe
    folder: Path
    should_stop: Callable[[], bool] = lambda: False
    original: Measurement | None = None

    def shrunk(self) -> ExportJob:
        """The job of the smaller model, without the channels that are gone."""
        from workbench.engine.shrink import shrink

        workload, network = shrink(self.workload, self.network)
        return replace(self, workload=workload, network=network)


class Stopped(Exception):  # noqa: N818 - a wish, not an error
    """The user cancelled the export; nothing of it is kept."""


@dataclass(frozen=True)
class Note:
    """A sentence about an artifact, in the language of whoever reads it.

    Attributes:
        key: Text key.
        values: Its placeholders, as pairs.
    """

    key: str
    values: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(cls, key: str, **values: object) -> Note:
        """A note from keyword arguments."""
        return cls(key, tuple(values.items()))

    def text(self, lang: str = "en") -> str:
        """The sentence."""
        return say(self.key, lang, **dict(self.values))


@dataclass(frozen=True)
class LeftOut:
    """A format that does not hold a network.

    Attributes:
        format: Name of the exporter.
        reason: Why.
    """

    format: str
    reason: Note

    def text(self, lang: str = "en") -> str:
        """The sentence."""
        reason = self.reason.text(lang)
        return say("export.left_out", lang, format=self.format, reason=reason)


@dataclass(frozen=True, eq=False)
class Artifact:
    """A file that was written, read back and run.

    Attributes:
        path: The file.
        format: Name of the exporter.
        bytes: Its size, in the file.
        score: Of the file in its own runtime, paired with the original; None without
            test data.
        latency_ms: Median time of one sample, one thread; None where not measured.
        latency_spread_ms: Half the distance between the quartiles of that time.
        samples_per_second: In batches, one thread; None where not measured.
        agreement: Fraction of test samples with the simulation's answer; None where
            there is no answer to compare.
        largest_gap: Largest difference of an output from the simulation's.
        types: Number of stored values by type of number, such as ``int8``.
        notes: What a user must know about the file.
    """

    path: Path
    format: str
    bytes: Quantity
    score: Measurement | None = None
    latency_ms: Quantity | None = None
    latency_spread_ms: Quantity | None = None
    samples_per_second: Quantity | None = None
    agreement: float | None = None
    largest_gap: float | None = None
    types: Mapping[str, int] | None = None
    notes: tuple[Note, ...] = ()


Exporter = Callable[[ExportJob], Artifact]
exporters: Registry[Exporter] = Registry("workbench.export", "exporter")
# By format, what refuses beforehand, not after the long work, what it cannot write.
Check = Callable[["Workload", "Recipe"], None]
checks: dict[str, tuple[Check, ...]] = {}


def check_formats(formats: Iterable[str], workload: Workload, recipe: Recipe) -> None:
    """Refuse what a format cannot hold; what several share is looked at once.

    Args:
        formats: Names of exporters.
        workload: The model and its data.
        recipe: What is to be done to it.

    Raises:
        UserError: If one cannot hold it.
    """
    wished = [check for name in formats for check in checks.get(name, ())]
    for check in dict.fromkeys(wished):
        check(workload, recipe)
