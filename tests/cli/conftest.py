"""A model and its data as files, for what the command line does with them."""

import numpy as np
import pytest

from tests.chain.models import case


@pytest.fixture(scope="package")
def files(tmp_path_factory):
    """Paths of both, as words."""
    folder = tmp_path_factory.mktemp("files")
    given = case("dense")
    given.model.save(folder / "model.keras")
    np.savez(folder / "data.npz", allow_pickle=False, **given.data)
    return str(folder / "model.keras"), str(folder / "data.npz")
