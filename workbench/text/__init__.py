"""Every sentence a user reads, by key, in each language.

A catalogue is a folder of flat JSON files, one per area: the key ``knob.range``
is the entry ``range`` of ``knob.json``. Placeholders are ``str.format`` fields.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("en", "zh")


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """All sentences of one language, by full key."""
    folder = files(__name__) / lang
    return {
        f"{area.name.removesuffix('.json')}.{name}": sentence
        for area in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if area.name.endswith(".json")
        for name, sentence in json.loads(area.read_text("utf-8")).items()
    }


def say(key: str, lang: str = "en", **values: object) -> str:
    """The sentence for a key, with its placeholders filled in.

    Args:
        key: ``area.name``, present in every catalogue.
        lang: One of `LANGUAGES`; another one falls back to English.
        **values: One value for each placeholder.

    Raises:
        KeyError: If no catalogue has the key.
    """
    return catalogue(lang if lang in LANGUAGES else "en")[key].format(**values)


def named(key: str, lang: str = "en") -> str:
    """The words for a key; its last part where a third party brought no words."""
    return say(key, lang) if has(key) else key.rpartition(".")[2]


def has(key: str) -> bool:
    """Whether the catalogues know a key."""
    return key in catalogue("en")
