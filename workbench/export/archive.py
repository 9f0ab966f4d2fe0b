"""A saved result as one file, to download."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from workbench.core.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def zipped(folder: Path) -> bytes:
    """A folder with all that is in it, as a zip archive.

    Raises:
        UserError: If it is not there any more, or may not be read.
    """
    if not folder.is_dir():
        raise UserError("open.missing", path=folder)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            try:
                archive.write(path, path.relative_to(folder.parent))
            except PermissionError as error:
                raise UserError("store.unreadable", path=path) from error
    return content.getvalue()
