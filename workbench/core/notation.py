"""JSON and YAML as people and programs write them.

YAML is loaded when it is first read or written: a first look at a model needs none.
"""

from __future__ import annotations

import json


def parse(text: str) -> object:
    """The values of JSON or YAML text.

    Raises:
        ValueError: If it is neither; the message is the parser's first line.
    """
    try:
        # JSON first: YAML reads the longest characters of JSON as two.
        return json.loads(text)
    except json.JSONDecodeError:
        from workbench.core.yaml_scalars import load

        return load(text)
    except RecursionError as error:
        raise ValueError(error) from error


def json_of(values: object) -> str:
    """Values as indented JSON text."""
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def yaml_of(values: object) -> str:
    """Values as YAML text, in the order they have."""
    from workbench.core.yaml_scalars import dump

    return dump(values)
