"""What a recipe makes of a session's model: its network, and what that takes.

Each layer is repaired by itself first, which is quick, and then all of them in turn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from workbench.core.compress import activation_grids, compress
from workbench.core.cost import sizes
from workbench.core.errors import UserError
from workbench.core.groups import cuts_of, groups_of
from workbench.core.in_turn import asking, repaired_in_turn
from workbench.core.network import array_digest
from workbench.core.shrinking import sizes_without
from workbench.core.snapshot import Outcome
from workbench.origin import origin

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from workbench.core.affine import Grid
    from workbench.core.measurement import Retrained
    from workbench.core.network import Network
    from workbench.core.recipe import Recipe
    from workbench.core.tensor import Site
    from workbench.engine.compressed_inputs import CompressedInputs
    from workbench.origin import Origin
    from workbench.session import Session

T = TypeVar("T")


def outcome_of(session: Session, recipe: Recipe, network: Network) -> Outcome:
    """A network with what it takes; channels that are gone take nothing."""
    cuts = cuts_of(groups_of(session.sites), network)
    if cuts:
        found = sizes_without(network, cuts, session.workload.others)
    else:
        found = sizes(network, session.other_parameters)
    return Outcome(recipe, network, found)


def network_for(
    session: Session, recipe: Recipe, start: Retrained | None = None
) -> Network:
    """The network that a recipe makes, each repair carried through.

    Args:
        session: Whose model it is.
        recipe: What to do.
        start: Retrained weights to start from; None for the original's.

    Raises:
        UserError: As for `compressed`.
    """
    network = compressed(session, recipe, start)
    if start is not None or not recipe.has_repairs:
        return network
    return _drained(in_turn(session, recipe, network))


def in_turn(
    session: Session, recipe: Recipe, network: Network
) -> Generator[None, None, Network]:
    """Repair layer after layer, on what the compressed ones before it give.

    What BatchNorm gives in the end is made what it was, where that is asked for.

    Args:
        session: Whose model it is.
        recipe: What to do.
        network: What it has made with each layer repaired by itself.

    Yields:
        Nothing, after each batch of samples; closing the generator stops it.

    Returns:
        The network; the same where nothing asks for it or there is nothing to see.
    """
    start = yield from origin(session, recipe)
    sites = start.sites
    if not session.can_train or not any(site.is_calibrated for site in sites):
        return network
    is_matched = recipe.asks_for("batch_norm", [site.path for site in sites])
    if not is_matched and not asking(network, sites, recipe):
        return network
    inputs = _inputs(session, start, is_matched=is_matched)

    def again(sites: Sequence[Site], previous: Network) -> Network:
        return _from_origin(replace(start, sites=tuple(sites)), recipe, previous)

    network = yield from repaired_in_turn(network, sites, recipe, inputs, again)
    statistics = yield from inputs.norms(network)
    if not statistics:
        return network
    return replace(network, others={**(network.others or {}), **statistics})


def compressed(
    session: Session,
    recipe: Recipe,
    start: Retrained | None = None,
    *,
    earlier: Outcome | None = None,
    is_plain: bool = False,
) -> Network:
    """The network that a recipe makes of the original, or of retrained weights.

    Each layer is repaired by itself.

    Args:
        session: Whose model it is.
        recipe: What to do.
        start: The retrained weights; None for the original's.
        earlier: What to take unchanged tensors over from; None for `session.before`.
        is_plain: Whether to leave out repairs, for a first look.

    Raises:
        UserError: If the recipe quantizes activations and no training data is there
            to calibrate on.
    """
    begun = _drained(origin(session, recipe))
    if start is not None:
        return compress(
            session.sites,
            start.kernels,
            recipe,
            digests={path: array_digest(w) for path, w in start.kernels.items()},
            activations=_grids(begun, recipe),
            others=start.network.others,
            biases=start.network.others,
            is_plain=is_plain,
        )
    before = earlier or session.before
    previous = before.network if before else None
    return _from_origin(begun, recipe, previous, is_plain=is_plain)


def _from_origin(
    start: Origin, recipe: Recipe, previous: Network | None, *, is_plain: bool = False
) -> Network:
    workload = start.workload
    network = compress(
        start.sites,
        start.weights,
        recipe,
        digests=start.digests,
        activations=_grids(start, recipe),
        others=start.others,
        biases=workload.others if workload else None,
        previous=previous,
        is_plain=is_plain,
    )
    return replace(network, skipped=(*start.skipped, *network.skipped))


def _inputs(session: Session, start: Origin, *, is_matched: bool) -> CompressedInputs:
    """What tells what kernels see of a compressed model; made when asked for.

    Args:
        session: Whose model it is; it keeps the last one.
        start: What the model is before it is compressed.
        is_matched: Whether its BatchNorm is re-estimated.
    """
    from workbench.engine.compressed_inputs import CompressedInputs

    known = session.inputs
    if (
        known is None
        or known.sites is not start.sites
        or known.is_matched != is_matched
    ):
        assert start.workload is not None, "Only an opened model is repaired."
        seed = session.recipe.seed
        known = session.inputs = CompressedInputs(
            start.workload, start.sites, seed=seed, is_matched=is_matched
        )
    return known


def _drained(work: Generator[None, None, T]) -> T:
    """What work comes to, at once."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def _grids(start: Origin, recipe: Recipe) -> dict[str, Grid]:
    """The grids of activations, from what calibration saw."""
    workload = start.workload
    if workload is None or not recipe.has_activations:
        return {}
    if workload.data.train is None:
        raise UserError("session.no_calibration")
    return activation_grids(workload.outputs, recipe, start.seen)
