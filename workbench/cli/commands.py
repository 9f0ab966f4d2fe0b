"""The commands by name: what each takes and what it does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import demo
from workbench.cli.compress import compress
from workbench.cli.flags import add_flags
from workbench.cli.look import doctor, evaluate
from workbench.cli.scan import scan
from workbench.cli.unpack import unpack
from workbench.cli.voice import Report, Voice
from workbench.core.errors import UserError
from workbench.core.readable import size
from workbench.core.sensitivity import LEVELS

if TYPE_CHECKING:
    import argparse

Group = Any
Speak = Callable[..., str]


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        declare: Gives a parser the arguments; called with the parser, its groups for
            positional arguments and for options, and what says a text.
        run: Does it.
        serves: Whether it runs until Ctrl-C and prints by itself.
    """

    declare: Callable[[argparse.ArgumentParser, Group, Group, Speak], None]
    run: Callable[[argparse.Namespace, Voice], Any]
    serves: bool = False


def dashboard(wish: argparse.Namespace, voice: Voice) -> int:
    """Serve the dashboard until Ctrl-C."""
    from workbench import serve

    is_demo = wish.model in demo.names() and not Path(wish.model).exists()
    if wish.data and not wish.model:
        raise UserError("cli.data_alone")
    return serve.dashboard(
        None if is_demo or not wish.model else Path(wish.model),
        Path(wish.data) if wish.data else None,
        port=_port(wish.port, 8866),
        open_browser=not wish.no_browser,
        lang=voice.lang,
        environment={serve.MODEL_VARIABLE: wish.model} if is_demo else None,
    )


def lab(wish: argparse.Namespace, voice: Voice) -> int:
    """Serve JupyterLab until Ctrl-C."""
    from workbench import serve

    return serve.lab(
        Path(wish.folder) if wish.folder else None,
        port=_port(wish.port, 8888),
        open_browser=not wish.no_browser,
        lang=voice.lang,
    )


def data(wish: argparse.Namespace, voice: Voice) -> Report:
    """Bring a data set into one file."""
    if wish.name != "fashion-mnist":
        raise UserError("cli.data_set", known="fashion-mnist", received=wish.name)
    from workbench.demo.fashion_mnist import fetch

    voice.progress(voice.say("cli.fetching"))
    path = fetch(
        Path(wish.folder) if wish.folder else None, Path(wish.out) if wish.out else None
    )
    nbytes = path.stat().st_size
    return Report({"path": path, "bytes": nbytes}, [f"{path} ({size(nbytes)})"])


def bench(wish: argparse.Namespace, voice: Voice) -> Report:
    """Run a benchmark."""
    from workbench.bench.benchmark import benchmarks, machine

    run = benchmarks[wish.name]
    if wish.seconds is not None:
        run = _shortened(wish.name, run, wish.seconds)
    results = {}
    for result in run(voice.progress):
        results[result.name] = result
    lines = [
        voice.say(
            "cli.result.holds" if result.holds else "cli.result.fails",
            name=result.name,
            value=f"{result.value:.4g}",
            unit=result.unit,
            sign="<=" if result.is_limit else ">=",
            target=f"{result.target:g}",
        )
        for result in results.values()
    ]
    numbers = {name: result.to_json() for name, result in results.items()}
    return Report({"results": numbers, "machine": machine()}, lines)


def _shortened(name: str, run: Any, word: str) -> Any:
    """A benchmark that runs for as many seconds as were asked for."""
    if "seconds" not in signature(run).parameters:
        raise UserError("bench.no_seconds", name=name)
    try:
        seconds = float(word)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UserError("bench.seconds", received=word)
    return partial(run, seconds=seconds)


def _port(word: str | None, default: int) -> int:
    if word is None:
        return default
    if not word.isdecimal():
        raise UserError("serve.port", port=word)
    return int(word)


def _scored(_: Any, positional: Group, options: Group, speak: Speak) -> None:
    """A model, how to open it, and what its score needs."""
    positional.add_argument("model", metavar="MODEL", help=speak("cli.option.model"))
    for name, metavar in (
        ("data", "DATA"),
        ("custom-objects", "FILE.py"),
        ("metric", "FILE.py:FUNCTION"),
        ("loss", "NAME"),
    ):
        options.add_argument(
            f"--{name}", metavar=metavar, help=speak(f"cli.option.{name}")
        )
    _switches(options, speak, "lower-is-better", "from-logits", "trust-code", "json")


def _evaluate(parser: Any, positional: Group, options: Group, speak: Speak) -> None:
    _scored(parser, positional, options, speak)
    options.add_argument("--limit", metavar="N", help=speak("cli.option.limit"))


def _scan(parser: Any, positional: Group, options: Group, speak: Speak) -> None:
    _scored(parser, positional, options, speak)
    options.add_argument(
        "--knob",
        metavar="NAME",
        default="sparsity",
        help=speak("cli.option.knob", known=", ".join(LEVELS)),
    )


def _compress(parser: Any, positional: Group, options: Group, speak: Speak) -> None:
    _scored(parser, positional, options, speak)
    for name, metavar in (
        ("recipe", "FILE"),
        ("out", "DIR"),
        ("formats", "NAMES"),
        ("seed", "N"),
    ):
        options.add_argument(
            f"--{name}", metavar=metavar, help=speak(f"cli.option.{name}")
        )
    _switches(options, speak, "repair", "force")
    add_flags(parser, speak)


def _unpack(_: Any, positional: Group, options: Group, speak: Speak) -> None:
    positional.add_argument("model", metavar="FILE.wbz", help=speak("size.option.file"))
    options.add_argument("--out", metavar="FILE.keras", help=speak("size.option.out"))
    options.add_argument(
        "--custom-objects",
        metavar="FILE.py",
        help=speak("cli.option.custom-objects"),
    )
    _switches(options, speak, "force", "json")


def _dashboard(_: Any, positional: Group, options: Group, speak: Speak) -> None:
    positional.add_argument(
        "model", metavar="MODEL", nargs="?", help=speak("cli.option.model")
    )
    options.add_argument("--data", metavar="DATA", help=speak("cli.option.data"))
    _server(options, speak)


def _lab(_: Any, positional: Group, options: Group, speak: Speak) -> None:  # noqa: ARG001
    options.add_argument("--folder", metavar="DIR", help=speak("cli.option.lab-folder"))
    _server(options, speak)


def _data(_: Any, positional: Group, options: Group, speak: Speak) -> None:
    positional.add_argument("name", metavar="NAME", help="fashion-mnist")
    options.add_argument("--folder", metavar="DIR", help=speak("cli.option.idx-folder"))
    options.add_argument("--out", metavar="FILE.npz", help=speak("cli.option.data-out"))
    _switches(options, speak, "json")


def _bench(_: Any, positional: Group, options: Group, speak: Speak) -> None:
    positional.add_argument("name", metavar="NAME", help=speak("cli.option.bench"))
    options.add_argument("--seconds", metavar="N", help=speak("cli.option.seconds"))
    _switches(options, speak, "json")


def _server(options: Group, speak: Speak) -> None:
    options.add_argument("--port", metavar="N", help=speak("cli.option.port"))
    _switches(options, speak, "no-browser")


def _switches(options: Group, speak: Speak, *names: str) -> None:
    for name in names:
        options.add_argument(
            f"--{name}", action="store_true", help=speak(f"cli.option.{name}")
        )


COMMANDS = {
    "doctor": Command(_scored, doctor),
    "evaluate": Command(_evaluate, evaluate),
    "scan": Command(_scan, scan),
    "compress": Command(_compress, compress),
    "unpack": Command(_unpack, unpack),
    "dashboard": Command(_dashboard, dashboard, serves=True),
    "lab": Command(_lab, lab, serves=True),
    "data": Command(_data, data),
    "bench": Command(_bench, bench),
}
