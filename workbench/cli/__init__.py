"""The command ``workbench``: the whole chain from a terminal or a script.

``--json`` prints one object and nothing else on stdout; progress goes to stderr where
that is a terminal. The exit code is 0 when done, 2 for a mistake of the user or a part
that could not be done (one sentence on stderr), 130 after Ctrl-C, and 1, with a
traceback, for one of ours.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from workbench.cli.commands import COMMANDS
from workbench.cli.parser import language, parse
from workbench.cli.voice import Voice
from workbench.core.errors import UserError
from workbench.core.store import is_disk_error, writing
from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DONE, USERS_MISTAKE, INTERRUPTED = 0, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Its words, without the program's name; None takes the process's.

    Returns:
        The exit code.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    lang = language(words, os.environ)
    try:
        with _disk():
            return _run(words, lang)
    except UserError as error:
        print(_one_line(error.text(lang)), file=sys.stderr)
        return USERS_MISTAKE
    except KeyboardInterrupt:
        print(say("cli.interrupted", lang), file=sys.stderr)
        return INTERRUPTED


def _run(words: list[str], lang: str) -> int:
    wish = parse(words, lang)
    if isinstance(wish, str):
        print(wish)
        return DONE
    voice = Voice(lang, is_json=getattr(wish, "json", False))
    command = COMMANDS[wish.command]
    if command.serves:
        return command.run(wish, voice)
    # What Keras, or code of the user, prints must not get into the result.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            report = command.run(wish, voice)
        finally:
            voice.clear()
    print(report.json() if voice.is_json else report.text())
    for sentence in report.undone:
        print(_one_line(sentence), file=sys.stderr)
    return USERS_MISTAKE if report.undone else DONE


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    """Turn a full or closed disk, wherever it is met, into one sentence."""
    try:
        yield
    except OSError as error:
        if not is_disk_error(error):
            raise
        with writing(Path(error.filename or gettempdir())):
            raise


def _one_line(sentence: str) -> str:
    return " ".join(sentence.split())
