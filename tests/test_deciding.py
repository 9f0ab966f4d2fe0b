"""A wish over all tensors from the session's side, on models of every form."""

from dataclasses import replace

import numpy as np
import pytest

from tests.chain.models import case
from workbench.core.edit import set_knobs
from workbench.core.network import Network
from workbench.core.recipe import Recipe, Retraining
from workbench.core.wish import Wish
from workbench.export.artifact import ExportJob, exporters
from workbench.export.wbz import predicted
from workbench.session import Session


def file_bytes(session, folder):
    """Bytes of the file that what is on the screen is saved as."""
    before = session.before
    job = ExportJob(session.workload, before.network, before.recipe, folder)
    return exporters["wbz"](job).bytes.value


@pytest.mark.parametrize(
    "name", ["nested", "shared", "gru", "two_inputs", "embedding", "separable"]
)
def test_a_size_is_answered_and_met(name, tmp_path):
    given = case(name)
    session = Session(given.model, given.data, is_kept=False)
    # Of models as small as these the architecture takes most.
    rest = predicted(session.workload, Network({}, {})).value
    kernels = 4 * sum(site.parameters for site in session.sites)
    wished = rest + kernels / 4
    wish = Wish(nbytes=wished)
    session.edit(Recipe(wish=wish))
    decided = session.recipe
    assert decided.wish == wish
    paths = {plan.target for plan in decided.plans if plan.is_decided}
    assert paths == {site.path for site in session.sites}
    before = session.before
    assert before.recipe == decided
    assert before.measurement.is_exact
    taken = file_bytes(session, tmp_path)
    assert rest + 0.9 * kernels / 4 <= taken <= wished
    assert session.decision.is_coded
    assert session.decision.nbytes == taken
    # The next size needs no second survey.
    database = session.database
    session.edit(replace(decided, wish=Wish(nbytes=rest + kernels / 4.5)))
    assert session.database is database
    assert file_bytes(session, tmp_path) <= rest + kernels / 4.5
    session.undo()
    assert session.recipe == decided
    # What was fitted once is known.
    assert session.decision.nbytes == taken
    assert session.before.recipe == decided
    session.edit(replace(session.recipe, retraining=Retraining()))
    assert session.recipe.plans == decided.plans
    session.edit(replace(session.recipe, wish=None))
    assert not session.recipe.plans
    session.close()


def test_a_wish_from_the_start_is_answered_once_the_model_is_open():
    given = case("dense")
    recipe = Recipe(wish=Wish(sparsity=0.6))
    session = Session(given.model, given.data, recipe=recipe, is_kept=False)
    assert session.before.network.sparsity >= 0.6
    assert not session.can_undo
    path = session.sites[0].path
    session.edit(
        set_knobs(session.recipe, "magnitude", path, sparsity=0.25, scope="tensor")
    )
    tensors = session.before.network.tensors
    assert tensors[path].sparsity == pytest.approx(0.25, abs=0.01)
    assert session.recipe.wish == recipe.wish
    session.edit(set_knobs(session.recipe, "magnitude", sparsity=0.0))
    assert session.recipe.wish is None
    kept = session.before.network.tensors[session.sites[1].path]
    np.testing.assert_array_equal(kept.dense, session.weights[session.sites[1].path])
    session.close()


def test_without_training_data_magnitudes_decide(tmp_path):
    given = case("dense")
    data = {key: x for key, x in given.data.items() if key.endswith("test")}
    session = Session(given.model, data, is_kept=False)
    session.edit(Recipe(wish=Wish(nbytes=300)))
    assert file_bytes(session, tmp_path) <= 300
    assert session.before.network.skipped
    session.close()


def test_a_cancelled_survey_leaves_the_wish_unanswered():
    given = case("dense")
    session = Session(given.model, given.data, is_kept=False)
    session.lanes.submit = _cancelled(session.lanes.submit)
    session.edit(Recipe(wish=Wish(nbytes=500)))
    assert session.database is None
    assert not session.is_surveying
    assert session.status.key == "wish.stopped"
    assert not session.recipe.plans
    session.close()


def _cancelled(submit):
    def cancelled(name, job):
        def at_once(task):
            task.cancel()
            yield from job(task)

        return submit(name, at_once)

    return cancelled
