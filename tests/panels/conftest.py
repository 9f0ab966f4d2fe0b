"""A small session that several panels are tried on."""

import pytest

from tests.chain.models import case
from workbench.session import Session


@pytest.fixture(scope="module")
def session():
    form = case("dense")
    opened = Session(form.model, form.data, is_kept=False)
    yield opened
    opened.close()
