"""A layer as Keras saved it in a model's configuration: its class, name and parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

Json = Mapping[str, Any]

_ALIASES = {"GroupQueryAttention": "GroupedQueryAttention"}
_NUMBER = re.compile(r"_\d+$")


def layers_of(entry: Json) -> list[Json]:
    """The layers of a model's configuration, which the oldest files list bare."""
    config = entry.get("config")
    listed = cast("Json", config).get("layers") if isinstance(config, dict) else config
    if not isinstance(listed, list):
        return []
    return [
        cast("Json", e) for e in cast("list[object]", listed) if isinstance(e, dict)
    ]


def is_layer(entry: Json) -> bool:
    """Whether an entry of a graph is a layer and no bare operation."""
    return not str(entry.get("module") or "").startswith("keras.src.ops")


def is_quantized(config: Json) -> bool:
    """Whether settings have a layer hold its kernels in another form."""
    policy = config.get("dtype")
    if isinstance(policy, dict):
        policy = cast("Json", policy).get("class_name")
    words = ("quantized", "policymap", "_from_")
    return any(word in str(policy).lower() for word in words)


def class_of(entry: Json) -> str:
    """Name of a layer's class, without its package."""
    name = str(entry.get("class_name", "")).rpartition(">")[2]
    return _ALIASES.get(name, name)


def config_of(entry: Json) -> Json:
    """A layer's settings."""
    config = entry.get("config")
    return cast("Json", config) if isinstance(config, dict) else {}


def name_of(entry: Json) -> str:
    """A layer's name; empty without one."""
    return str(config_of(entry).get("name", ""))


def folder_of(kind: str) -> str:
    """A class name as the file format of Keras 3 spells it in its folders."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def numbered(name: str, taken: dict[str, int]) -> str:
    """The name, numbered from its second use on."""
    taken[name] = taken.get(name, -1) + 1
    return f"{name}_{taken[name]}" if taken[name] else name


def without_number(kind: str, name: str) -> str:
    """A layer's name, without the number where Keras made the name up.

    Outside of functional and sequential models such a number differs from process to
    process, so that addresses go without it.
    """
    stem = _NUMBER.sub("", name)
    return stem if stem.replace("_", "").lower() == kind.lower() else name
