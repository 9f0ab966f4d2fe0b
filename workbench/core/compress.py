"""From weights and a recipe to a network."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from workbench.core.factors import agreed, applied, no_rank
from workbench.core.gates import apart, check_gates, gates_of, joined, weights_of
from workbench.core.network import Network, Skipped
from workbench.core.step import ModelStep, TensorStep
from workbench.core.tensor import CompressedTensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.activations import Observed, OutputSite
    from workbench.core.affine import Grid
    from workbench.core.recipe import Recipe
    from workbench.core.tensor import Site

Chain = tuple[TensorStep, ...]


def compress(  # noqa: PLR0913  # a call names them all
    sites: Sequence[Site],
    weights: Mapping[str, NDArray[Any]],
    recipe: Recipe,
    *,
    digests: Mapping[str, str],
    activations: Mapping[str, Grid] | None = None,
    others: Mapping[str, NDArray[Any]] | None = None,
    biases: Mapping[str, NDArray[Any]] | None = None,
    previous: Network | None = None,
    is_plain: bool = False,
) -> Network:
    """Apply a recipe to every kernel.

    Args:
        sites: The model's kernels, each with its Gram matrix where that is known.
        weights: Their values by path, float32.
        recipe: What to do.
        digests: Hash of each kernel's values.
        activations: Grids for activations, from `activation_grids`.
        others: Values of the other variables where they are not the original's.
        biases: The biases to which repairs add their shifts, where Gram matrices are
            known.
        previous: An earlier result; what is the same in it is taken over.
        is_plain: Whether to leave out whatever calibration gives, for a first look.

    Raises:
        UserError: If the recipe asks for an order that undoes a step.
    """
    check_gates(recipe, sites)
    places = apart(sites, recipe)
    by_path = {site.path: site for site in places}
    made = _Made(previous)
    chains, skipped = _plan(places, recipe, is_plain=is_plain)
    own = {site.path: _digest(site, digests) for site in places}
    starts = {
        path: made.start(path, own[path], weights_of(weights, site))
        for path, site in by_path.items()
    }
    done = {
        path: _run(starts[path], chain, by_path[path], own[path], made)
        for path, chain in _agree(chains, starts, by_path, own, made).items()
    }
    tensors: dict[str, CompressedTensor] = {}
    keys: dict[str, str] = {}
    for site in sites:
        found = done.get(site.path) or _joined(site, done, made, weights[site.path])
        tensors[site.path], keys[site.path] = found
    others = _shifted(others or {}, biases or {}, tensors, sites)
    return Network(
        tensors, keys, activations or {}, skipped, others or None, made=made.kept
    )


def activation_grids(
    outputs: Iterable[OutputSite], recipe: Recipe, seen: Mapping[str, Observed]
) -> dict[str, Grid]:
    """The grid of each place whose activations the recipe quantizes.

    Args:
        outputs: The places where activations can be quantized.
        recipe: What to do; a plan covers a place when its target matches the place
            or one of the kernels behind it.
        seen: What calibration saw; a place that it did not see stays float.
    """
    grids: dict[str, Grid] = {}
    for output in outputs:
        wish = recipe.activations_for(output.path, *output.kernels)
        is_spared = output.is_edge and wish is not None and wish.edges == "float"
        if wish is not None and not is_spared and output.path in seen:
            grids[output.path] = seen[output.path].grid(wish.bits, wish.range)
    return grids


def _plan(
    sites: Sequence[Site], recipe: Recipe, *, is_plain: bool
) -> tuple[dict[str, Chain], tuple[Skipped, ...]]:
    """The chain of steps of each kernel, and what is skipped."""
    chains: dict[str, Chain] = {}
    skipped: list[Skipped] = []
    for site in sites:
        kept: list[TensorStep] = []
        for step in recipe.steps_for(site.path):
            if step.is_idle:
                continue
            reason = site.reason or step.refuses(site) or no_rank(step, site, kept)
            if reason is not None:
                skipped.append(Skipped(site.path, step.name, reason))
                continue
            plain = step.plain()
            if site.gram is None and plain != step:
                lost = step.name if plain is None else "reconstruct"
                skipped.append(Skipped(site.path, lost, site.unseen))
            elif (short := step.falls_short(site)) is not None:
                skipped.append(Skipped(site.path, step.name, short))
            taken = plain if is_plain or site.gram is None else step
            kept += [] if taken is None or isinstance(step, ModelStep) else [taken]
        chains[site.path] = tuple(kept)
    return chains, tuple(dict.fromkeys(skipped))


class _Made:
    """Tensors that are made on the way, by hash, and those of before."""

    def __init__(self, previous: Network | None) -> None:
        self._before: Mapping[str, CompressedTensor] = previous.made if previous else {}
        self.kept: dict[str, CompressedTensor] = {}

    def get(self, key: str) -> CompressedTensor | None:
        """What has this hash; None where nothing has."""
        found = self.kept.get(key) or self._before.get(key)
        if found is not None:
            self.kept[key] = found
        return found

    def start(self, path: str, digest: str, weights: NDArray[Any]) -> CompressedTensor:
        """Untouched weights, the same object each time."""
        key = _hash(path, digest)
        found = self.get(key) or CompressedTensor.of(weights)
        self.keep(key, found)
        return found

    def keep(self, key: str, value: CompressedTensor) -> None:
        """Remember for this network and the next one."""
        self.kept[key] = value


def _agree(
    chains: dict[str, Chain],
    starts: Mapping[str, CompressedTensor],
    sites: Mapping[str, Site],
    digests: Mapping[str, str],
    made: _Made,
) -> dict[str, Chain]:
    """The chains with wishes over several tensors turned into each one's level."""
    used = {type(step): step.phase for chain in chains.values() for step in chain}
    for cls in sorted(used, key=lambda c: used[c]):
        if cls.agree.__func__ is TensorStep.agree.__func__:  # type: ignore[attr-defined]
            continue
        wishes: dict[str, TensorStep] = {}
        tensors = dict(starts)
        for path, chain in chains.items():
            for place, step in enumerate(chain):
                if type(step) is cls:
                    before = chain[:place], sites[path], digests[path], made
                    wishes[path] = step
                    tensors[path], _ = _run(starts[path], *before)
        levels = agreed(cls, wishes, tensors, sites)
        chains = {
            path: _levelled(chain, cls, levels.get(path))
            for path, chain in chains.items()
        }
    return chains


def _levelled(chain: Chain, cls: type[TensorStep], level: TensorStep | None) -> Chain:
    """A chain with a level for its wish, or where the level belongs without one."""
    if level is None:
        return chain
    if not any(type(step) is cls for step in chain):
        return tuple(sorted((*chain, level), key=lambda step: step.phase))
    return tuple(level if type(step) is cls else step for step in chain)


def _run(
    tensor: CompressedTensor, chain: Chain, site: Site, digest: str, made: _Made
) -> tuple[CompressedTensor, str]:
    """Apply the steps in turn, two in one pass where that is known how.

    Returns:
        The tensor and its hash. What calibration has a part in is dear, and the end is
        what the next network most likely shares: both are kept.
    """
    if not chain:
        return tensor, digest
    keys = [_key(digest, chain[: i + 1], site) for i in range(len(chain))]
    place = 0
    names = [_hash(site.path, key) for key in keys]
    for i, known in enumerate(map(made.get, names), 1):
        if known is not None:
            tensor, place = known, i
    while place < len(chain):
        step = chain[place]
        follower = chain[place + 1] if place + 1 < len(chain) else None
        both = follower.follow(step, tensor, site) if follower else None
        tensor = applied(step, tensor, site) if both is None else both
        place += 1 if both is None else 2
        if place == len(chain) or step.plain() != step:
            made.keep(names[place - 1], tensor)
    return tensor, keys[-1]


def _joined(
    site: Site,
    done: Mapping[str, tuple[CompressedTensor, str]],
    made: _Made,
    weights: NDArray[Any],
) -> tuple[CompressedTensor, str]:
    """A kernel that was treated gate by gate, and its hash."""
    parts, keys = zip(*(done[gate.path] for gate in gates_of(site)), strict=True)
    key = _hash(*keys)
    found = made.get(key) or joined(parts, site, weights)
    made.keep(key, found)
    return found, key


def _shifted(
    others: Mapping[str, NDArray[Any]],
    biases: Mapping[str, NDArray[Any]],
    tensors: Mapping[str, CompressedTensor],
    sites: Sequence[Site],
) -> dict[str, NDArray[Any]]:
    """The other variables with what the repairs of the kernels have them take up."""
    shifted = dict(others)
    for site in sites:
        shift = tensors[site.path].shift
        place = site.gram.bias if site.gram else None
        if shift is None or place is None:
            continue
        after = shifted.get(place.path, biases[place.path]).copy()
        row = after if place.row is None else after[place.row]
        row += place.sign * shift.reshape(row.shape).astype(row.dtype)
        shifted[place.path] = after
    return shifted


def _key(digest: str, chain: Chain, site: Site) -> str:
    is_calibrated = any(step.plain() != step for step in chain)
    saw = site.gram.digest if site.gram and is_calibrated else ""
    if site.current and any(step.follows_inputs for step in chain):
        saw += site.current.digest
    return _hash(digest, repr(chain), saw)


def _digest(site: Site, digests: Mapping[str, str]) -> str:
    """Hash of the weights at a place."""
    whole = digests[site.whole or site.path]
    return _hash(whole, site.path) if site.whole else whole


def _hash(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()
