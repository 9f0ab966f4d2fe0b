"""The small histogram follows whatever bins the session has, in one widget."""

from tests.chain.models import case
from workbench.core.edit import set_knobs
from workbench.frontend import FOLDER
from workbench.opening import binning
from workbench.panels.address import Address
from workbench.panels.live_weights import LiveWeights
from workbench.panels.scope import Scope
from workbench.panels.settings import settings
from workbench.session import Session


def test_one_widget_takes_every_model_in_turn():
    dense = case("dense")
    session = Session(dense.model, dense.data, is_kept=False)
    scope = Scope(session, Address())
    groups = settings(scope).groups
    [live] = [group for group in groups if isinstance(group, LiveWeights)]
    paths = [site.path for site in session.sites]
    assert [tensor["path"] for tensor in live.tensors] == paths
    assert live.exact["wish"] == live.wish()
    bins = session.bins
    session.set(bins={})
    assert live.tensors == []
    session.set(bins={paths[0]: bins[paths[0]]})
    assert [tensor["path"] for tensor in live.tensors] == paths[:1]
    assert live.comm is not None
    scope.close()


def test_the_bars_settle_on_what_the_kernel_made_of_the_weights():
    dense = case("dense")
    session = Session(dense.model, dense.data, is_kept=False)
    scope = Scope(session, Address())
    groups = settings(scope).groups
    [live] = [group for group in groups if isinstance(group, LiveWeights)]
    # A method that the browser's bins know nothing of.
    session.edit(set_knobs(session.recipe, "n_of_m", pattern="2:4"))
    tensors = session.before.network.tensors.values()
    assert 0 < sum(live.exact["left"]) == sum(tensor.nonzeros for tensor in tensors)
    script = (FOLDER / "weight_estimate.js").read_text("utf-8")
    assert f"const BARS = {len(live.exact['left'])};" in script
    scope.close()


def test_a_preview_that_comes_between_bins_nothing_twice():
    dense = case("dense")
    session = Session(dense.model, dense.data, is_kept=False)
    assert session.bins
    assert list(binning(session)) == []
    session.set(bins={})
    *_, deliver = binning(session)
    deliver()
    assert list(session.bins) == [site.path for site in session.sites]
