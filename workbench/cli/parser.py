"""Reading a command line; each mistake is one sentence, in the user's language."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

import workbench
from workbench.cli.commands import COMMANDS
from workbench.core.errors import UserError
from workbench.text import LANGUAGES, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HELP = ("-h", "--help")
_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


def language(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """The language to speak: what ``--lang`` says, else what the system does.

    Args:
        words: The command line.
        environment: Of which the first locale variable that is set counts.
    """
    wished = _wished_language(words)
    if wished is not None:
        return wished if wished in LANGUAGES else "en"
    locale = next(filter(None, map(environment.get, _VARIABLES)), "")
    return "zh" if locale.startswith("zh") else "en"


def parse(words: Sequence[str], lang: str) -> argparse.Namespace | str:
    """What a command line asks for; as text where it asks for help or the version.

    Args:
        words: Without the program's name.
        lang: Language of the help.

    Raises:
        UserError: If a word is missing, unknown or without its value.
    """
    wished = _wished_language(words)
    if wished is not None and wished not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise UserError("cli.language", known=known, received=wished)
    head, rest = _split(words)
    if "--version" in head:
        return workbench.__version__
    if not rest:
        _refuse([word for word in head if word not in _HELP], "")
        return _overview(lang)
    name = rest[0]
    if name not in COMMANDS:
        raise UserError("cli.unknown_command", known=", ".join(COMMANDS), received=name)
    _refuse([word for word in head if word not in _HELP], name)
    parser = _parser(name, lang)
    if any(word in _HELP for word in (*head, *rest)):
        return parser.format_help().rstrip()
    return _parsed(parser, name, rest[1:])


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of printing."""

    def error(self, message: str) -> NoReturn:
        """Say that arguments are missing: nothing else comes here."""
        missing = message.rpartition(": ")[2]
        raise UserError("cli.missing", command=self.prog, missing=missing)


class _Formatter(argparse.HelpFormatter):
    """Help without argparse's English words."""

    prefix = ""

    def add_usage(
        self, usage: Any, actions: Any, groups: Any, prefix: str | None = None
    ) -> None:
        """Begin with the language's own word for "usage"."""
        super().add_usage(usage, actions, groups, prefix or self.prefix)


def _parser(name: str, lang: str) -> _Parser:
    def speak(key: str, **values: object) -> str:
        return say(key, lang, **values).replace("%", "%%")

    formatter = type("Formatter", (_Formatter,), {"prefix": speak("cli.usage")})
    parser = _Parser(
        prog=f"workbench {name}",
        description=speak(f"cli.command.{name}"),
        formatter_class=formatter,
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    positional = parser.add_argument_group(speak("cli.arguments"))
    options = parser.add_argument_group(speak("cli.options"))
    COMMANDS[name].declare(parser, positional, options, speak)
    options.add_argument(
        "--lang", metavar="|".join(LANGUAGES), help=speak("cli.option.lang")
    )
    options.add_argument(*_HELP, action="store_true", help=speak("cli.option.help"))
    parser.set_defaults(command=name)
    return parser


def _parsed(
    parser: argparse.ArgumentParser, name: str, words: Sequence[str]
) -> argparse.Namespace:
    try:
        wish, left = parser.parse_known_args(words)
    except argparse.ArgumentError as error:
        if error.argument_name is None:
            parser.error(error.message)
        flag = error.argument_name.rpartition("/")[2]
        raise UserError("cli.value", command=parser.prog, flag=flag) from error
    # Python before 3.13 misses an optional argument that comes after an option.
    if left and not left[0].startswith("-") and getattr(wish, "model", "") is None:
        wish.model = left.pop(0)
    _refuse(left, name)
    return wish


def _refuse(words: Sequence[str], name: str) -> None:
    if words:
        command = f"workbench {name}".rstrip()
        raise UserError("cli.unknown", command=command, received=words[0])


def _overview(lang: str) -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{say(f'cli.command.{name}', lang)}" for name in COMMANDS]
    usage = f"{say('cli.usage', lang)}workbench COMMAND [--help] [--version]"
    return "\n".join([usage, "", *lines])


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options before the command, and the command with all after it."""
    head: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--lang":
            rest = rest[1:]
        elif not word.startswith("--lang="):
            head.append(word)
    return head, rest


def _wished_language(words: Sequence[str]) -> str | None:
    for at, word in enumerate(words):
        if word == "--lang":
            return words[at + 1] if at + 1 < len(words) else ""
        if word.startswith("--lang="):
            return word.partition("=")[2]
    return None
