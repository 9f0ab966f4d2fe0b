"""A hand that does at random what a user does on the dashboard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from workbench.core.edit import is_repaired, set_knobs, set_repair
from workbench.core.presets import PRESETS
from workbench.core.recipe import Retraining
from workbench.text import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from numpy.random import Generator

    from workbench.app import Dashboard

FRAME_S = 1 / 60
MOST_MOVES = 40
# Some retrainings end by themselves, the long ones are cancelled.
EPOCHS = (1, 2, 200)
_SLIDERS = {"FloatSliderModel": "value", "SelectionSliderModel": "index"}


class Hand:
    """Moves what is on a dashboard; each act leaves its work to the lanes.

    Args:
        view: The dashboard.
        rng: What chooses.
    """

    def __init__(self, view: Dashboard, rng: Generator) -> None:
        """Know the acts."""
        self._view, self._session, self._rng = view, view.session, rng
        self._acts = (
            self._drag,
            self._own,
            self._select,
            self._retrain,
            self._cancel,
            self._speak,
            self._step_back,
            self._step_forward,
            self._preset,
            self._repair,
            self._spend,
            self._hide,
        )

    async def act(self) -> None:
        """Do one thing; half of them are drags."""
        weights = [len(self._acts) - 1, *[1] * (len(self._acts) - 1)]
        chances = [weight / sum(weights) for weight in weights]
        await self._acts[int(self._rng.choice(len(self._acts), p=chances))]()

    async def try_all(self, rest: Callable[[], Awaitable[None]]) -> None:
        """Move each slider and do each thing once, so that nothing is new afterwards.

        Args:
            rest: Waits until all that was asked for is done.
        """
        session = self._session
        # What is repaired is shown without it first: that is tried too.
        session.edit(set_repair(session.recipe, is_on=True))
        await rest()
        for slider in self._sliders():
            await self._move(slider)
            await rest()
        session.retrain(Retraining(epochs=1))
        await rest()
        for act in self._acts:
            await act()
        session.cancel()
        await rest()

    async def _drag(self) -> None:
        sliders = self._sliders()
        await self._move(sliders[self._rng.integers(len(sliders))])

    def _sliders(self) -> list[Any]:
        return [part for part in _parts(self._view) if _is_slider(part)]

    async def _move(self, slider: Any) -> None:
        """Take a slider from where it is to somewhere else, at 60 moves a second."""
        name = _SLIDERS[slider._model_name]  # what kind of widget it is
        low, high = (slider.min, slider.max) if name == "value" else _ends(slider)
        start = getattr(slider, name)
        end = low + (high - low) * self._rng.random()
        moves = int(self._rng.integers(1, MOST_MOVES))
        for move in range(1, moves + 1):
            now = start + (end - start) * move / moves
            slider.set_trait(name, now if name == "value" else round(now))
            await asyncio.sleep(FRAME_S)

    async def _own(self) -> None:
        """Give a layer a sparsity of its own."""
        sites = self._session.sites
        path = sites[self._rng.integers(len(sites))].path
        level = float(self._rng.uniform(0, 0.95))
        self._session.edit(
            set_knobs(
                self._session.recipe, "magnitude", path, sparsity=level, scope="tensor"
            )
        )

    async def _select(self) -> None:
        paths = [site.path for site in self._session.sites]
        is_chosen = self._rng.random(len(paths)) < 1 / 2
        self._session.select(
            [path for path, chosen in zip(paths, is_chosen, strict=True) if chosen]
        )

    async def _retrain(self) -> None:
        session = self._session
        if session.is_retraining:
            return
        starts = ("original", "latest") if session.retrained else ("original",)
        session.retrain(
            Retraining(
                epochs=int(self._rng.choice(EPOCHS)),
                start=str(self._rng.choice(starts)),
            )
        )

    async def _cancel(self) -> None:
        self._session.cancel()

    async def _speak(self) -> None:
        self._session.set(lang=str(self._rng.choice(LANGUAGES)))

    async def _step_back(self) -> None:
        self._session.undo()

    async def _step_forward(self) -> None:
        self._session.redo()

    async def _preset(self) -> None:
        self._session.edit(PRESETS[str(self._rng.choice(list(PRESETS)))])

    async def _repair(self) -> None:
        recipe = self._session.recipe
        self._session.edit(set_repair(recipe, is_on=not is_repaired(recipe)))

    async def _spend(self) -> None:
        self._session.set(budget=float(self._rng.integers(1, 100)) * 1000)

    async def _hide(self) -> None:
        hidden = self._rng.choice(("", "presets", "drawers"))
        self._session.set(view={"hide": (str(hidden),)})


def _parts(widget: Any) -> Iterator[Any]:
    """A widget and all that it shows."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _parts(child)


def _is_slider(part: Any) -> bool:
    return part._model_name in _SLIDERS and not part.disabled


def _ends(slider: Any) -> tuple[int, int]:
    return 0, len(slider.options) - 1
