"""Every form of model, for the tests of the whole chain."""

import pytest

from tests.chain.models import CASES, Case, case


@pytest.fixture(params=list(CASES))
def form(request: pytest.FixtureRequest) -> Case:
    """One of the models with its data."""
    return case(request.param)
