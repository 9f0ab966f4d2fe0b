"""The session: the one mutable object, which everything on the screen follows from."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from workbench import demo, jobs
from workbench.core.cost import sizes
from workbench.core.errors import UserError
from workbench.core.history import Timeline, Visit, visited
from workbench.core.model_file import glance
from workbench.core.network import array_digest
from workbench.core.recipe import Recipe, Retraining
from workbench.core.snapshot import Outcome, Snapshot
from workbench.lanes import Lanes
from workbench.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.core.measurement import Progress, Retrained
    from workbench.lanes import Delivery

PROGRESS_KEPT = 2000


@dataclass(frozen=True)
class Status:
    """What the status line says.

    Attributes:
        key: Text key of the sentence; empty for nothing to say.
        values: Its placeholders, as pairs.
        is_error: Whether something went wrong; the last good charts stay.
        detail: Traceback of a mistake of ours, shown folded; empty otherwise.
    """

    key: str = ""
    values: tuple[tuple[str, Any], ...] = ()
    is_error: bool = False
    detail: str = ""


class Session(traitlets.HasTraits):
    """A model, its data and what the user does to them.

    Traits are written on the event loop alone. Without a running event loop the work
    is done inline: each call returns when its results are there.

    Args:
        model: A ``keras.Model``, the path of a ``.keras`` or ``.h5`` file, or the name
            of a demo (``cnn``, ``lenet``, ``gru``).
        data: Arrays, a dict of them, a ``tf.data.Dataset``, the path of an ``.npz``
            file or of a folder of images; a demo brings its own.
        name: Name of an earlier session to go on with; None starts a new one.
        lang: Language of texts, ``en`` or ``zh``.
        is_saved: Whether the session is kept in the user's folder.
        **options: Further arguments of `workbench.engine.workload.open_workload`.

    Raises:
        UserError: If the model's file cannot be read.
    """

    workload = traitlets.Any(None)
    sites = traitlets.Any(())
    weights = traitlets.Any({})
    recipe = traitlets.Any(Recipe())
    selection = traitlets.Any(())
    original = traitlets.Any(None)
    before = traitlets.Any(None)
    after = traitlets.Any(None)
    retrained = traitlets.Any(None)
    progress = traitlets.Any(())
    history = traitlets.Any(())
    findings = traitlets.Any(())
    status = traitlets.Any(Status())
    budget = traitlets.Any(None)
    lang = traitlets.Unicode("en")
    view = traitlets.Any({})
    task = traitlets.Any(None)
    saved = traitlets.Any(None)
    is_calibrated = traitlets.Bool(False)

    def __init__(
        self,
        model: Any,
        data: Any = None,
        *,
        name: str | None = None,
        lang: str = "en",
        is_saved: bool = True,
        **options: Any,
    ) -> None:
        """Read the weights at once; the rest follows on the task lane."""
        super().__init__(lang=lang)
        self.model, self.data = _resolve(model, data)
        self.options = options
        self.digests: Mapping[str, str] = {}
        self.seen: Mapping[str, Any] = {}
        self.evaluator: Any = None
        self.other_parameters = 0
        self._memory = Memory(name) if is_saved else None
        self._timeline = Timeline(Recipe())
        self.lanes = Lanes(self._fail, _running_loop())
        if isinstance(self.model, str | Path):
            first = glance(Path(self.model))
            self._take(first.sites, first.weights, first.other_parameters)
        self._recall()
        self.preview()
        self.task = self.lanes.submit(
            "session.opening", lambda task: jobs.opening(self, task)
        )

    @property
    def name(self) -> str:
        """The session's unguessable name; empty where it is not kept."""
        return self._memory.name if self._memory else ""

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier recipe."""
        return bool(self._timeline.past)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone recipe."""
        return bool(self._timeline.future)

    @property
    def can_train(self) -> bool:
        """Whether there is training data, for calibration and retraining."""
        return self.workload is not None and self.workload.data.train is not None

    def edit(self, recipe: Recipe, gesture: str = "") -> None:
        """Wish for a recipe.

        Args:
            recipe: The recipe.
            gesture: What the edit is part of; the edits of one drag are undone as one.
        """
        self._go(self._timeline.edit(recipe, gesture, time.monotonic()))

    def undo(self) -> None:
        """Go back to the recipe before."""
        self._go(self._timeline.undo())

    def redo(self) -> None:
        """Go forward again."""
        self._go(self._timeline.redo())

    def reset(self) -> None:
        """Wish for the original; can be undone."""
        self.edit(Recipe(seed=self.recipe.seed))

    def retrain(self, retraining: Retraining | None = None) -> None:
        """Retrain the compressed model on the task lane.

        Args:
            retraining: How; None takes the recipe's, or the defaults.

        Raises:
            UserError: If there is no training data, the model is not open yet, or it
                should go on from a retraining that is not there.
        """
        retraining = retraining or self.recipe.retraining or Retraining()
        if self.workload is None:
            raise UserError("session.not_open")
        if not self.can_train:
            raise UserError("session.no_training_data")
        if retraining.start == "latest" and self.retrained is None:
            raise UserError("session.no_retraining")
        self.edit(replace(self.recipe, retraining=retraining))
        recipe = self.recipe
        self.progress = ()
        self.task = self.lanes.submit(
            "session.retraining", lambda task: jobs.retraining(self, task, recipe)
        )

    def cancel(self) -> None:
        """Stop the running task; a retraining keeps its best weights so far."""
        if self.task is not None:
            self.task.cancel()

    def save(
        self, folder: str | Path, formats: tuple[str, ...], *, is_forced: bool = False
    ) -> None:
        """Write the result, its recipe and a report, on the task lane.

        The retrained model is saved while it belongs to the present recipe, else the
        one without retraining.

        Args:
            folder: Directory to make; made whole or not at all.
            formats: Names of exporters, such as ``keras`` and ``tflite``.
            is_forced: Whether an existing directory is replaced.

        Raises:
            UserError: If the model is not open yet.
        """
        if self.workload is None or self.before is None:
            raise UserError("session.not_open")
        folder = Path(folder)
        self.task = self.lanes.submit(
            "session.saving",
            lambda _: jobs.saving(self, folder, formats, is_forced=is_forced),
        )

    def result(self) -> Outcome:
        """The outcome that would be saved now: after retraining if that is current."""
        snapshot = self.snapshot()
        return self.before if snapshot.is_after_stale else self.after

    def snapshot(self) -> Snapshot:
        """A frozen view for charts and reports."""
        workload = self.workload
        data = workload.data if workload else None
        return Snapshot(
            name=workload.name if workload else Path(str(self.model)).stem,
            sites=self.sites,
            weights=self.weights,
            recipe=self.recipe,
            selection=self.selection,
            original=self.original,
            original_sizes=self.original_sizes,
            before=self.before,
            after=self.after,
            history=self.history,
            progress=self.progress,
            budget=self.budget,
            metric=workload.metric.info if workload else None,
            classes=data.class_names if data else (),
            labels=data.test_classes if data else None,
            lang=self.lang,
        )

    def close(self) -> None:
        """Stop what runs and end the threads."""
        self.cancel()
        self.lanes.close()

    def preview(self) -> None:
        """Compress for the present recipe and measure, on the preview lane."""
        recipe = self.recipe
        self.lanes.wish("before", lambda: jobs.preview(self, recipe))

    def set(self, **values: Any) -> None:
        """Write several traits as one change; for deliveries."""
        with self.hold_trait_notifications():
            for name, value in values.items():
                setattr(self, name, value)

    def saying(self, key: str, **values: Any) -> Delivery:
        """A delivery that sets the status line."""
        return lambda: self.set(status=Status(key, tuple(values.items())))

    def opened(self, workload: Any, evaluator: Any) -> None:
        """Take over an opened workload; for deliveries."""
        self.evaluator = evaluator
        others = sum(values.size for values in workload.others.values())
        self._take(workload.sites, workload.weights, others)
        self.workload = workload
        self.preview()

    def calibrated(self, seen: Mapping[str, Any]) -> None:
        """Take over what calibration saw; for deliveries."""
        self.seen = seen
        self.is_calibrated = True
        if self.recipe.has_activations:
            self.preview()

    def progressed(self, progress: Progress) -> None:
        """Take over the progress of a retraining; for deliveries."""
        self.progress = (*self.progress, progress)[-PROGRESS_KEPT:]

    def visit(self, visit: Visit) -> None:
        """Add a visited setting to the history; for deliveries."""
        self.history = visited(self.history, visit)
        self.remember()

    def keep(self, retrained: Retrained) -> None:
        """Keep retrained weights on disk, against a killed kernel."""
        if self._memory is not None:
            self._memory.keep(retrained)

    def remember(self) -> None:
        """Keep recipe, history and view on disk."""
        if self._memory is not None:
            source = f"{self.model} {self.data}"
            self._memory.save(
                self._timeline, self.history, self.budget, self.view, source
            )

    def _go(self, timeline: Timeline) -> None:
        self._timeline = timeline
        if timeline.now != self.recipe:
            plans = self.recipe.plans
            self.recipe = timeline.now
            if timeline.now.plans != plans:
                self.preview()

    def _take(self, sites: Any, weights: Any, other_parameters: int) -> None:
        """Take over kernels, unless they are the same as those already there."""
        digests = {path: array_digest(values) for path, values in weights.items()}
        self.other_parameters = other_parameters
        if digests != self.digests:
            self.digests = digests
            self.before = None
        self.set(sites=tuple(sites), weights=weights)
        network = jobs.network_for(self, Recipe())
        self.original_sizes = sizes(network, other_parameters)

    def _recall(self) -> None:
        """Go on where the session of this name stopped."""
        if self._memory is None:
            return
        earlier = self._memory.load()
        if earlier is None:
            return
        self._timeline = earlier.timeline
        self.set(
            recipe=earlier.timeline.now,
            history=earlier.history,
            budget=earlier.budget,
            view=earlier.view,
            retrained=earlier.retrained,
        )

    def _fail(self, error: Exception, trace: str) -> None:
        if isinstance(error, UserError):
            values = tuple(error.values.items())
            self.status = Status(error.key, values, is_error=True)
        else:
            self.status = Status(
                "session.fault", (("error", repr(error)),), is_error=True, detail=trace
            )


def _resolve(model: Any, data: Any) -> tuple[Any, Any]:
    """The model and data, with the name of a demo turned into its files."""
    if isinstance(model, str) and model in demo.names() and not Path(model).exists():
        model_path, data_path = demo.paths(model)
        return model_path, data_path if data is None else data
    return model, data


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
