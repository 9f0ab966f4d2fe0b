"""The command ``unpack``: from a ``.wbz`` file to a Keras model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.voice import Report, Voice
from workbench.core.errors import UserError
from workbench.core.readable import size
from workbench.core.store import write_atomic

if TYPE_CHECKING:
    import argparse


def unpack(wish: argparse.Namespace, voice: Voice) -> Report:
    """Write the model that a compressed file holds."""
    source = Path(wish.model)
    if not wish.out or Path(wish.out).suffix != ".keras":
        raise UserError("size.needs_out", received=wish.out or "")
    out = Path(wish.out)
    if out.exists() and not wish.force:
        raise UserError("store.exists", path=out)
    content = _content(source)
    voice.progress(voice.say("session.loading_tensorflow"))
    from workbench.engine.user_code import load_objects
    from workbench.export.wbz import unpack as read

    given = wish.custom_objects
    model, grids = read(content, load_objects(Path(given)) if given else {})
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / out.name
        model.save(draft)
        made = draft.read_bytes()
    write_atomic(out, made)
    data = {
        "path": out,
        "bytes": len(made),
        "packed": len(content),
        "parameters": model.count_params(),
        "activations": {path: grid.bits for path, grid in grids.items()},
    }
    line = voice.say(
        "size.unpacked", path=out, made=size(len(made)), packed=size(len(content))
    )
    return Report(data, [line])


def _content(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise UserError("cli.unreadable", path=source, reason=reason) from error
