"""Wishes and what comes of them, undo, links, selection; inline."""

import numpy as np
import pytest

from tests.session.support import pruned
from workbench.core.edit import set_knobs
from workbench.core.errors import UserError
from workbench.core.recipe import Recipe, Retraining
from workbench.session import Session


def test_opening_measures_the_original_and_the_untouched_network(session):
    assert session.original.is_exact
    assert session.before.measurement.score == session.original.score
    assert session.before.measurement.difference.value == 0
    assert session.before.sizes.packed.value == session.original_sizes.packed.value
    assert session.is_calibrated
    assert not session.snapshot().is_stale


def test_an_edit_compresses_and_measures(session):
    session.edit(pruned(session, 0.9))
    network = session.before.network
    assert abs(network.sparsity - 0.9) < 0.02
    assert session.before.measurement.is_exact
    assert session.before.sizes.packed.value < session.original_sizes.packed.value
    assert [visit.recipe for visit in session.history] == [Recipe(), session.recipe]


def test_undo_redo_reset(session):
    session.edit(pruned(session))
    wished = session.recipe
    session.undo()
    assert session.recipe == Recipe()
    assert session.before.network.sparsity < 0.01
    session.redo()
    assert session.recipe == wished
    session.reset()
    assert session.recipe == Recipe()
    assert session.can_undo


def test_the_users_model_is_never_changed(dense, session):
    before = [np.array(weight) for weight in dense.model.get_weights()]
    session.edit(pruned(session, 0.9))
    session.retrain(Retraining(epochs=1))
    for old, new in zip(before, dense.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_retraining_holds_the_masks_and_can_go_on(session):
    recipe = set_knobs(pruned(session, 0.7), "uniform", bits=4)
    session.edit(recipe)
    masks = {p: t.mask for p, t in session.before.network.tensors.items()}
    session.retrain(Retraining(epochs=2))
    assert not session.is_retraining
    assert session.after.measurement.is_exact
    assert not session.snapshot().is_after_stale
    for path, tensor in session.after.network.tensors.items():
        assert not tensor.dense[~masks[path]].any()
        assert tensor.bits == 4
    session.retrain(Retraining(epochs=1, start="latest"))
    kinds = [(v.kind, v.recipe.retraining) for v in session.history]
    assert kinds[-2:] == [
        ("after", Retraining(epochs=2)),
        ("after", Retraining(epochs=1, start="latest")),
    ]
    session.edit(pruned(session, 0.1))
    assert session.snapshot().is_after_stale
    assert session.result() is session.before


def test_without_training_data_calibration_and_retraining_are_off(dense):
    test = {k: v for k, v in dense.data.items() if k.endswith("test")}
    session = Session(dense.model, test, is_kept=False)
    assert not session.can_train
    with pytest.raises(UserError, match="training data"):
        session.retrain()
    with pytest.raises(UserError, match="calibrate"):
        session.edit(set_knobs(session.recipe, "activations", bits=8))


def test_without_data_weights_and_sizes_are_there(dense):
    session = Session(dense.model, is_kept=False)
    session.edit(pruned(session))
    assert session.before.measurement is None
    assert session.before.network.sparsity == pytest.approx(0.5, abs=0.02)
    with pytest.raises(UserError, match="training data"):
        session.retrain()


def test_continuing_without_a_retraining_is_refused(session):
    with pytest.raises(UserError, match="continue"):
        session.retrain(Retraining(start="latest"))


def test_activations_are_quantized_on_calibrated_ranges(session):
    session.edit(set_knobs(session.recipe, "activations", bits=8))
    assert session.before.network.activations
    assert session.before.measurement.is_exact


def test_selection_keeps_known_paths_only(session):
    path = session.sites[0].path
    session.select((path, "no/such/kernel"))
    assert session.selection == (path,)
    assert [site.path for site in session.snapshot().selected] == [path]


def test_a_link_carries_recipe_and_view(dense, session):
    session.edit(pruned(session, 0.3))
    session.select([session.sites[0].path])
    session.set(budget=1234.0, view={"hide": ("threshold",)})
    other = Session(dense.model, dense.data, is_kept=False)
    other.follow(session.link())
    assert other.recipe == session.recipe
    assert other.selection == session.selection
    assert other.budget == 1234.0
    assert other.view == session.view


def test_a_damaged_link_is_said_and_loses_nothing(session):
    session.edit(pruned(session))
    wished = session.recipe
    session.follow({"recipe": "broken"})
    assert session.status.is_error
    assert session.status.key == "recipe.link"
    assert session.recipe == wished


def test_an_error_stays_until_the_next_step(session):
    session.fail(UserError("session.no_retraining"))
    session.saying("session.calibrating")()
    assert session.status.key == "session.no_retraining"
    session.edit(pruned(session))
    assert not session.status.is_error
