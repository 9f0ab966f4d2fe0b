"""Opening what a command line names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import demo
from workbench.core.errors import UserError
from workbench.demo import located

if TYPE_CHECKING:
    import argparse

    from workbench.cli.voice import Voice
    from workbench.engine.workload import Workload


def options(wish: argparse.Namespace) -> dict[str, Any]:
    """The further arguments of `workbench.engine.workload.open_workload`."""
    return {
        "custom_objects": Path(wish.custom_objects) if wish.custom_objects else None,
        "trust_code": wish.trust_code,
        "metric": wish.metric,
        "higher_is_better": False if wish.lower_is_better else None,
        "loss": wish.loss,
        "from_logits": True if wish.from_logits else None,
    }


def files(wish: argparse.Namespace, *, needs_data: bool) -> tuple[Any, Any]:
    """The files of the model and the data; a demo brings its own data.

    Raises:
        UserError: If there is no such model, or data are needed and none are named.
    """
    model, source = located(wish.model, wish.data)
    if not Path(model).exists():
        demos = ", ".join(demo.names())
        raise UserError("cli.no_model", demos=demos, received=wish.model)
    if needs_data and source is None:
        raise UserError("cli.needs_data", command=wish.command)
    return model, source


def opened(wish: argparse.Namespace, voice: Voice, *, needs_data: bool) -> Workload:
    """The workload.

    Raises:
        UserError: If something cannot be opened.
    """
    model, source = files(wish, needs_data=needs_data)
    voice.progress(voice.say("session.loading_tensorflow"))
    from workbench.engine.workload import open_workload

    return open_workload(model, source, **options(wish))
