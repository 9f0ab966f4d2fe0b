"""The session: the one mutable object, which everything on the screen follows from."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import deciding, demo, jobs, opening, scanning
from workbench.core.errors import UserError
from workbench.core.history import Visit, visited
from workbench.core.model_file import glance
from workbench.core.recipe import Recipe, Retraining
from workbench.core.sensitivity import Scan
from workbench.edited import EditedState
from workbench.lanes import Lanes, running_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workbench.core.bins import TensorBins
    from workbench.core.measurement import Progress
    from workbench.core.tensor import Site
    from workbench.engine.compressed_inputs import CompressedInputs
    from workbench.lanes import Task
    from workbench.origin import Origin

PROGRESS_KEPT = 2000


class Session(EditedState):
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
        patience_s: Seconds to wait at most until a page has set `drawn`, before what
            takes the processor from it: TensorFlow, and numbers for later.
        **options: Further arguments of `open_workload`.

    Attributes:
        drawn: Set by the page once it shows the model.
        is_seen: Whether it is known what every kernel sees.
        is_sloped: Whether it was asked for how the loss hangs on channels.
        waits_to_see: Whether what kernels see is found out once a recipe asks.

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
        patience_s: float = 0.0,
        **options: Any,
    ) -> None:
        """Look into the file at once; its weights and the rest follow on the lanes."""
        super().__init__(recipe or Recipe(), lang)
        self.drawn = threading.Event()
        self.demo = model if demo.is_demo(model) else None
        self.model, self.data = demo.located(model, data)
        self.options = options
        self.digests: Mapping[str, str] = {}
        self.seen: Mapping[str, Any] = {}
        self.evaluator: Any = None
        self.other_parameters = 0
        self.origin: Origin | None = None
        self.inputs: CompressedInputs | None = None
        self._is_unbinned = False
        self.is_seen = self.is_sloped = self.waits_to_see = False
        self.task: Task | None = None
        self._training = self._scanning = self.task
        self.lanes = Lanes(self._fail, running_loop())
        self.patience_s = 0.0 if self.lanes.is_inline else patience_s
        is_file = isinstance(self.model, str | Path)
        first = glance(Path(self.model)) if is_file else None
        self._memory = self._remembering(name) if is_kept else None
        self._recall()
        if first is not None:
            self.set(sites=first.sites)
            self.lanes.wish("first", lambda: opening.looking(self, first))
        self.task = self.lanes.submit(
            "session.opening", lambda task: opening.opening(self, task)
        )
        if self.recipe.wish is not None:
            self.survey()

    @property
    def can_train(self) -> bool:
        """Whether there is training data, for calibration and retraining."""
        return self.workload is not None and self.workload.data.train is not None

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

    def scan_each(self, knob: str) -> None:
        """Compress every kernel alone at several levels, and measure each.

        Args:
            knob: ``sparsity`` or ``bits``.

        Raises:
            UserError: If it is another knob, or the original's score is not known.
        """
        if self.original is None:
            key = "session.not_open" if self.is_scored else "evaluate.no_test_data"
            raise UserError(key)
        scan = Scan.of(knob, self.sites)
        self._go_on()
        self.is_scanning = True
        self.task = self._scanning = self.lanes.submit(
            "scan.waiting", lambda task: scanning.scanning(self, task, scan)
        )

    def cancel_scan(self) -> None:
        """Stop the scan, which keeps what it knows."""
        if self._scanning is not None:
            self._scanning.cancel()

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
        self.drawn.set()
        self.lanes.close()

    def preview(self) -> None:
        """Compress for the present recipe and measure, on the preview lane."""
        if not self.digests:
            return  # The model is not read yet; what reads it previews it.
        opening.ask(self)
        self.lanes.wish("before", lambda now=self.recipe: jobs.preview(self, now))

    def survey(self) -> None:
        """Try every level of every kernel, on the task lane, unless that is under way.

        Where the model is still being opened, that comes first.
        """
        if not self.is_surveying:
            self.is_surveying = True
            opening.see(self)
            self.task = self.lanes.submit(
                "wish.waiting", lambda task: deciding.surveying(self, task)
            )

    def looked(self, kernels: opening.Kernels) -> None:
        """Take over what the model's file shows; for deliveries."""
        if self.workload is None:
            self._take(kernels)
            self.preview()

    def opened(self, workload: Any, evaluator: Any, kernels: opening.Kernels) -> None:
        """Take over an opened workload; for deliveries."""
        self.evaluator = evaluator
        self._take(kernels)
        self._belongs_to(kernels.digests)
        self.workload = workload
        self.preview()
        if self.retrained is not None:
            earlier = self.retrained
            self.lanes.wish("after", lambda: jobs.measuring_after(self, earlier))

    def bin_new(self) -> None:
        """Bin kernels that are new, once they are on the screen; for deliveries."""
        if self._is_unbinned and self.drawn.is_set():
            self._is_unbinned = False
            made: dict[str, TensorBins] = {}
            self.lanes.wish("bins", lambda: opening.binning(self, made))

    def calibrated(self, seen: Mapping[str, Any]) -> None:
        """Take over what calibration saw; for deliveries."""
        self.seen = seen
        self.is_calibrated = True
        if self.recipe.has_activations:
            self.preview()

    def repairable(self, sites: tuple[Site, ...]) -> None:
        """Take over what every kernel sees; for deliveries."""
        self.sites = sites
        self.is_seen = True
        if self.recipe.has_repairs or self.recipe.needs_slopes:
            self.preview()

    def progressed(self, progress: Progress) -> None:
        """Take over the progress of a retraining; for deliveries.

        Weights of every better epoch would fill the memory: the last best are kept.
        """
        said = replace(progress, best=None)
        self.progress = (*self.progress, said)[-PROGRESS_KEPT:]

    def visit(self, visit: Visit) -> None:
        """Add a visited setting to the history; for deliveries.

        The next preview keeps those before retraining on disk; a retraining is too
        dear to wait for that.
        """
        self.history = visited(self.history, visit)
        if visit.kind == "after":
            self.remember()

    def _take(self, kernels: opening.Kernels) -> None:
        """Take over the kernels; what was made of other ones is forgotten."""
        is_new = kernels.digests != self.digests
        if is_new:
            self.set(before=None, bins={}, database=None, scan=None)
        elif self.before is not None:
            # The same numbers, but in the memory of what was read before.
            network = replace(self.before.network, made={})
            self.before = replace(self.before, network=network)
        self.digests = kernels.digests
        self.other_parameters = kernels.other_parameters
        self.original_sizes = kernels.sizes
        self.set(sites=kernels.sites, weights=dict(kernels.weights))
        self.is_seen = self.is_sloped = self.waits_to_see = False
        self._is_unbinned = self._is_unbinned or is_new
