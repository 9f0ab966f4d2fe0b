"""The user's mistakes, said in one sentence."""

from __future__ import annotations

from typing import Any

from workbench.text import say


class UserError(ValueError):
    """Something the user gave cannot be used.

    The sentence says what must hold and what came; it is looked up by key, so the
    same error can be read in any language of the catalogues.

    Args:
        key: Key of the sentence, such as ``knob.range``.
        **values: What the sentence's placeholders stand for.
    """

    def __init__(self, key: str, **values: Any) -> None:
        """Look the English sentence up at once: a missing key is our mistake."""
        super().__init__(say(key, **values))
        self.key = key
        self.values = values

    def text(self, lang: str) -> str:
        """The sentence in a language."""
        return say(self.key, lang, **self.values)
