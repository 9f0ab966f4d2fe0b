"""How outputs of recurrent kernels count, where it is known which of them matter."""

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from workbench.core.codes import LowRank
from workbench.core.edit import set_knobs
from workbench.core.recipe import Recipe
from workbench.engine.kernel_rows import Kernel
from workbench.engine.output_counts import OutputCounts
from workbench.session import Session

STEPS, INPUTS, UNITS, HEARD = 6, 5, 8, 3
PATHS = ("rnn/kernel", "rnn/recurrent_kernel")


def model() -> keras.Model:
    """Of whose units only the first few have a part in what comes out."""
    given = keras.Input((STEPS, INPUTS))
    seen = keras.layers.LSTM(UNITS, name="rnn")(given)
    made = keras.layers.Dense(3, activation="softmax", name="head")(seen)
    found = keras.Model(given, made)
    head: Any = found.get_layer("head").kernel
    loop: Any = found.get_layer("rnn").cell.recurrent_kernel
    heard = np.arange(UNITS) < HEARD
    head.assign(np.where(heard[:, None], head.numpy() * 4, 0))
    loop.assign(np.where(heard[:, None], loop.numpy(), 0))
    found.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return found


def opened(recipe: Recipe) -> Session:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, STEPS, INPUTS)).astype(np.float32)
    y = rng.integers(0, 3, 64)
    data = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    return Session(model(), data, recipe=recipe, is_kept=False)


def counted(session: Session, **changes: Any) -> Mapping[str, NDArray[np.float64]]:
    workload = replace(session.workload, **changes)
    kernels = {
        site.path: Kernel(site, site.gram, workload)
        for site in session.sites
        if site.gram is not None
    }
    assert session.before is not None
    work: Generator[None, None, Any] = OutputCounts(workload, kernels, 0).of(
        [*PATHS, "head/kernel"], session.before.network
    )
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_what_nobody_hears_counts_least() -> None:
    session = opened(set_knobs(Recipe(), "svd", rank=0.5))
    assert session.before is not None
    tensors = session.before.network.tensors
    products = [path for path in PATHS if isinstance(tensors[path].code, LowRank)]
    found = counted(session)
    assert list(found) == products != []
    for count in found.values():
        np.testing.assert_allclose(np.diag(count).mean(), 1)
        assert np.linalg.eigvalsh(count).min() > 0
        of_units = np.diag(count).reshape(4, UNITS)
        assert of_units[:, HEARD:].max() < 0.2 < of_units[:, :HEARD].mean()
    assert counted(session, loss=None) == {}
    session.close()


def test_kernels_that_are_no_products_are_not_asked_about() -> None:
    session = opened(Recipe())
    assert counted(session) == {}
    session.close()
