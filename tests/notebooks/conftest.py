"""The model of the lessons, opened once, with everything done inline."""

import pytest

from workbench.session import Session


@pytest.fixture(scope="session")
def lenet():
    session = Session("lenet", is_kept=False)
    yield session
    session.close()
