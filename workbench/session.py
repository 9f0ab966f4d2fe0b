"""The session: the one mutable object, which everything on the screen follows from."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import demo, jobs
from workbench.core import link
from workbench.core.cost import sizes
from workbench.core.errors import UserError
from workbench.core.history import Timeline, Visit, visited
from workbench.core.model_file import glance
from workbench.core.network import array_digest
from workbench.core.recipe import Recipe, Retraining
from workbench.lanes import Lanes
from workbench.memory import Earlier, Memory
from workbench.state import State, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from workbench.core.measurement import Progress, Retrained
    from workbench.core.tensor import Site
    from workbench.lanes import Task

PROGRESS_KEPT = 2000


class Session(State):
    """A model, its data and what the user does to them.

    Without a running event loop the work is done inline: each call returns when its
    results are there.

    Args:
        model: A ``keras.Model``, the path of a ``.keras`` or ``.h5`` file, or the name
            of a demo.
        data: What `workbench.engine.workload.open_workload` takes; a demo brings its
            own.
        name: Name of an earlier session to go on with; None starts a new one.
        recipe: Recipe to start a new session with.
        lang: Language of texts, ``en`` or ``zh``.
        is_kept: Whether the session is kept in the user's folder.
        **options: Further arguments of `open_workload`.

    Raises:
        UserError: If the model's file cannot be read.
    """

    def __init__(  # noqa: PLR0913  # options, by name
        self,
        model: Any,
        data: Any = None,
        *,
        name: str | None = None,
        recipe: Recipe | None = None,
        lang: str = "en",
        is_kept: bool = True,
        **options: Any,
    ) -> None:
        """Read the weights at once; the rest follows on the task lane."""
        super().__init__(lang=lang)
        self.demo = model if _is_demo(model) else None
        self.model, self.data = located(model, data)
        self.options = options
        self.digests: Mapping[str, str] = {}
        self.seen: Mapping[str, Any] = {}
        self.evaluator: Any = None
        self.other_parameters = 0
        self.task: Task | None = None
        self._training: Task | None = None
        self.recipe = recipe or Recipe()
        self._weights_digest = ""
        self._timeline = Timeline(self.recipe)
        self.lanes = Lanes(self._fail, _running_loop())
        if isinstance(self.model, str | Path):
            first = glance(Path(self.model))
            self._take(first.sites, first.weights, first.other_parameters)
        self._memory = self._remembering(name) if is_kept else None
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
        """Wish for a recipe; may be called from any thread.

        Args:
            recipe: The recipe.
            gesture: What the edit is part of; the edits of one drag are undone as one.
        """
        at = time.monotonic()
        self.lanes.post(lambda: self._go(self._timeline.edit(recipe, gesture, at)))

    def undo(self) -> None:
        """Go back to the recipe before."""
        self.lanes.post(lambda: self._go(self._timeline.undo()))

    def redo(self) -> None:
        """Go forward again."""
        self.lanes.post(lambda: self._go(self._timeline.redo()))

    def reset(self) -> None:
        """Wish for the original; can be undone."""
        self.edit(Recipe(seed=self.recipe.seed))

    def select(self, paths: Iterable[str]) -> None:
        """Select kernels; none means all."""
        known = {site.path for site in self.sites}
        chosen = tuple(path for path in paths if path in known)
        self.lanes.post(lambda: self._select(chosen))

    def link(self) -> dict[str, str]:
        """The whole recipe and view, as a query for an address."""
        query = {"recipe": link.to_word(self.recipe), "lang": self.lang}
        more = {
            "demo": self.demo or "",
            "select": ",".join(self.selection),
            "hide": ",".join(self.view.get("hide", ())),
            "budget": f"{self.budget:.0f}" if self.budget else "",
        }
        return query | {name: value for name, value in more.items() if value}

    def follow(self, query: Mapping[str, str]) -> None:
        """Take over the recipe and view of an address; a damaged one is said."""
        if "hide" in query:
            self.view = {"hide": tuple(filter(None, query["hide"].split(",")))}
        if "select" in query:
            self.select(query["select"].split(","))
        if query.get("budget", "").isdecimal():
            self.budget = float(query["budget"])
        if "recipe" in query:
            try:
                self.edit(link.from_word(query["recipe"]))
            except UserError as error:
                self.fail(error)

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
        recipe = replace(self.recipe, retraining=retraining)
        self._go_on()
        self.edit(recipe)
        self.set(progress=(), is_retraining=True)
        self.task = self._training = self.lanes.submit(
            "session.retraining", lambda task: jobs.retraining(self, task, recipe)
        )

    def cancel(self) -> None:
        """Stop the retraining, which keeps its best weights so far, else the last task.

        A save that waits behind a retraining is not what the user sees running.
        """
        task = self._training if self.is_retraining else self.task
        if task is not None:
            task.cancel()

    def save(
        self, folder: str | Path, formats: tuple[str, ...], *, is_forced: bool = False
    ) -> None:
        """Write the result, its recipe and a report, on the task lane.

        The retrained model is saved while it belongs to the present recipe, else the
        one without retraining.

        Args:
            folder: Directory to make; made whole or not at all.
            formats: Names of exporters, such as ``keras`` and ``tflite``.
            is_forced: Whether an earlier output directory is replaced.

        Raises:
            UserError: If the model is not open yet.
        """
        outcome = self.result()
        if self.workload is None or outcome is None:
            raise UserError("session.not_open")
        self._go_on()
        job = jobs.Saving(outcome, self.recipe, Path(folder), formats, is_forced)
        self.task = self.lanes.submit(
            "session.saving", lambda task: jobs.saving(self, task, job)
        )

    def pack(self, give: Callable[[str, bytes], None]) -> None:
        """Make one file of what was saved last, on the task lane.

        Args:
            give: Called on the event loop with the file's name and content.

        Raises:
            UserError: If nothing was saved yet.
        """
        if self.saved is None:
            raise UserError("session.not_saved_yet")
        folder = Path(self.saved.folder)
        self.lanes.submit("session.packing", lambda _: jobs.packing(self, folder, give))

    def close(self) -> None:
        """Stop what runs and end the threads."""
        for task in (self._training, self.task):
            if task is not None:
                task.cancel()
        self.lanes.close()

    def fail(self, error: UserError) -> None:
        """Say a mistake of the user in the status line."""
        self.lanes.post(lambda: self._fail(error, ""))

    def preview(self) -> None:
        """Compress for the present recipe and measure, on the preview lane."""
        if self.workload is None and not self.sites:
            return  # A model in memory is not read yet; `opened` previews it.
        recipe = self.recipe
        self.lanes.wish("before", lambda: jobs.preview(self, recipe))

    def opened(self, workload: Any, evaluator: Any) -> None:
        """Take over an opened workload; for deliveries."""
        self.evaluator = evaluator
        others = sum(values.size for values in workload.others.values())
        self._take(workload.sites, workload.weights, others)
        self._belongs_to(_digest_of(workload.digests))
        self.workload = workload
        self.preview()
        if self.retrained is not None:
            earlier = self.retrained
            self.lanes.wish("after", lambda: jobs.measuring_after(self, earlier))

    def calibrated(self, seen: Mapping[str, Any]) -> None:
        """Take over what calibration saw; for deliveries."""
        self.seen = seen
        self.is_calibrated = True
        if self.recipe.has_activations:
            self.preview()

    def repairable(self, sites: tuple[Site, ...]) -> None:
        """Take over what every kernel sees; for deliveries."""
        self.sites = sites
        if self.recipe.has_repairs:
            self.preview()

    def progressed(self, progress: Progress) -> None:
        """Take over the progress of a retraining; for deliveries."""
        self.progress = (*self.progress, progress)[-PROGRESS_KEPT:]

    def visit(self, visit: Visit) -> None:
        """Add a visited setting to the history; for deliveries.

        The next preview keeps those before retraining on disk; a retraining is too
        dear to wait for that.
        """
        self.history = visited(self.history, visit)
        if visit.kind == "after":
            self.remember()

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

    @property
    def source(self) -> str:
        """What model and data the session is about."""
        return f"{self.model} {self.data}"

    def _go(self, timeline: Timeline) -> None:
        earlier = self.recipe
        self._timeline = timeline
        self.recipe = timeline.now
        if timeline.now != earlier:
            self._go_on()
        if timeline.now.compression != earlier.compression:
            self.preview()
        elif timeline.now != earlier:
            self.remember()

    def _select(self, chosen: tuple[str, ...]) -> None:
        if chosen != self.selection:
            self.selection = chosen
            self.remember()

    def _go_on(self) -> None:
        """Say no more of an error, unless it is why there is nothing to work on."""
        if self.workload is not None and self.status.is_error:
            self.status = Status()

    def _take(
        self,
        kernels: Iterable[Site],
        weights: Mapping[str, Any],
        other_parameters: int,
    ) -> None:
        """Take over the kernels; what was made of other ones is forgotten."""
        digests = {path: array_digest(values) for path, values in weights.items()}
        is_new = digests != self.digests
        if is_new:
            self.before = None
        self.digests = digests
        self.other_parameters = other_parameters
        self.set(sites=tuple(kernels), weights=dict(weights))
        original = jobs.network_for(self, Recipe())
        self.original_sizes = sizes(original, other_parameters)
        if is_new:
            self.lanes.wish("bins", lambda: jobs.binning(self))

    def _belongs_to(self, weights: str) -> None:
        """Forget dots and a retraining that come from other weights than these."""
        if self._weights_digest not in ("", weights):
            self.set(history=(), retrained=None)
            if self._memory is not None:
                self._memory.drop_retrained()
        self._weights_digest = weights

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

    def _fail(self, error: Exception, trace: str) -> None:
        if isinstance(error, UserError):
            values = tuple(error.values.items())
            self.status = Status(error.key, values, is_error=True)
        else:
            said = (("error", f"{type(error).__name__}: {error}"),)
            self.status = Status("session.fault", said, is_error=True, detail=trace)


def _is_demo(model: Any) -> bool:
    is_name = isinstance(model, str) and model in demo.names()
    return is_name and not Path(model).exists()


def located(model: Any, data: Any) -> tuple[Any, Any]:
    """The model and data, with the name of a demo turned into its files."""
    if not _is_demo(model):
        return model, data
    model_path, data_path = demo.paths(model)
    return model_path, data_path if data is None else data


def _digest_of(digests: Mapping[str, str]) -> str:
    text = "\n".join(f"{path}={digests[path]}" for path in sorted(digests))
    return hashlib.sha256(text.encode()).hexdigest()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
