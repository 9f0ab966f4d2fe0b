"""What a teacher's address takes off the screen."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chain.models import case
from workbench.app import Dashboard

NAMES = (
    *("threshold", "sparsity", "bits", "activation_bits", "budget", "presets"),
    *("retraining", "save", "tradeoff", "weights", "accuracy", "table", "zeros"),
    "drawers",
)


@pytest.fixture(scope="module")
def screen() -> Iterator[Dashboard]:
    form = case("dense")
    shown = Dashboard(form.model, form.data, is_kept=False)
    yield shown
    shown.close()


def hidden(widget: Any) -> set[str]:
    """What is off the screen, by its number."""
    own = {widget.model_id} if "wb-hidden" in widget._dom_classes else set()
    return own.union(*(hidden(child) for child in getattr(widget, "children", ())))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_hides_something_and_shows_it_again(
    screen: Dashboard, name: str
) -> None:
    screen.session.follow({"hide": ""})
    before = hidden(screen)
    screen.session.follow({"hide": name})
    assert hidden(screen) > before
    screen.session.follow({"hide": ""})
    assert hidden(screen) == before
