"""A recipe as a word that fits into an address, and the address's query."""

from __future__ import annotations

import base64
import binascii
import json
import zlib

from workbench.core.errors import UserError
from workbench.core.recipe import Recipe

LARGEST_JSON = 1_000_000


def to_word(recipe: Recipe) -> str:
    """The recipe, deflated and in URL-safe base64."""
    text = json.dumps(recipe.to_json(), separators=(",", ":"))
    packed = zlib.compress(text.encode(), 9)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def query(recipe: Recipe, lang: str, **view: str) -> dict[str, str]:
    """A query that carries a recipe, the language, and what else is not empty."""
    told = {name: value for name, value in view.items() if value}
    return {"recipe": to_word(recipe), "lang": lang} | told


def from_word(word: str) -> Recipe:
    """The recipe of a word.

    Raises:
        UserError: If the word is damaged, or holds no recipe.
    """
    try:
        packed = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        inflate = zlib.decompressobj()
        text = inflate.decompress(packed, LARGEST_JSON)
        data = json.loads(text)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise UserError("recipe.link") from error
    return Recipe.from_json(data)
