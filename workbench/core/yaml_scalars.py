"""YAML with the scalars of its version 1.2 where those of 1.1 surprise.

``off`` is a word and no boolean, and ``1e-05`` is a number.
"""

from __future__ import annotations

import re
from typing import Any, cast

import yaml


class _Loader(yaml.SafeLoader):
    """YAML's safe loader with our scalars."""


class _Dumper(yaml.SafeDumper):
    """What writes for it: a word that looks like 1e-05 is quoted."""


cast("Any", _Loader).yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if not tag.endswith(":bool")]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_FORMS = (
    ("bool", r"true|false", "tf"),
    ("float", r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+", "-+0123456789"),
)
for _tag, _form, _first in _FORMS:
    for _one in (_Loader, _Dumper):
        cast("Any", _one).add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(_form), list(_first)
        )


def load(text: str) -> object:
    """The values of YAML text.

    Raises:
        ValueError: If it is none; the message is the parser's first line.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error).splitlines()[0]) from error


def dump(values: object) -> str:
    """Values as YAML text, in the order they have."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
