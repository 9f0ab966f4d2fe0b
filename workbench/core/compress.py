"""From weights and a recipe to a network."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from workbench.core.network import Network, Skipped
from workbench.core.step import TensorStep
from workbench.core.tensor import CompressedTensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.activations import Observed, OutputSite
    from workbench.core.affine import Grid
    from workbench.core.recipe import Recipe
    from workbench.core.tensor import Site


def compress(  # noqa: PLR0913  # a call names them all
    sites: Sequence[Site],
    weights: Mapping[str, NDArray[Any]],
    recipe: Recipe,
    *,
    digests: Mapping[str, str],
    activations: Mapping[str, Grid] | None = None,
    others: Mapping[str, NDArray[Any]] | None = None,
    previous: Network | None = None,
) -> Network:
    """Apply a recipe's tensor steps to every kernel.

    Args:
        sites: The model's kernels.
        weights: Their values by path, float32.
        recipe: What to do.
        digests: Hash of each kernel's values.
        activations: Grids for activations, from `activation_grids`.
        others: Values of the other variables where they are not the original's.
        previous: An earlier result; its unchanged tensors are taken over.

    Raises:
        UserError: If the recipe asks for an order that undoes a step.
    """
    chains, skipped = _plan(sites, recipe)
    by_path = {site.path: site for site in sites}
    chains = _agree(chains, weights, by_path)
    tensors: dict[str, CompressedTensor] = {}
    keys: dict[str, str] = {}
    for path, chain in chains.items():
        keys[path] = _key(digests[path], chain)
        if previous is not None and previous.digests.get(path) == keys[path]:
            tensors[path] = previous.tensors[path]
        else:
            start = CompressedTensor.of(weights[path])
            tensors[path] = _run(start, chain, by_path[path])
    return Network(tensors, keys, activations or {}, skipped, others)


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
    sites: Sequence[Site], recipe: Recipe
) -> tuple[dict[str, tuple[TensorStep, ...]], tuple[Skipped, ...]]:
    """The chain of steps of each kernel, and what is skipped."""
    chains: dict[str, tuple[TensorStep, ...]] = {}
    skipped: list[Skipped] = []
    for site in sites:
        kept: list[TensorStep] = []
        for step in recipe.steps_for(site.path):
            reason = site.reason or step.refuses(site)
            if reason is None:
                kept.append(step)
            else:
                skipped.append(Skipped(site.path, step.name, reason))
        chains[site.path] = tuple(kept)
    return chains, tuple(skipped)


def _agree(
    chains: dict[str, tuple[TensorStep, ...]],
    weights: Mapping[str, NDArray[Any]],
    sites: Mapping[str, Site],
) -> dict[str, tuple[TensorStep, ...]]:
    """The chains with wishes over several tensors turned into each one's level."""
    used = {type(step): step.phase for chain in chains.values() for step in chain}
    for cls in sorted(used, key=lambda c: used[c]):
        if cls.agree.__func__ is TensorStep.agree.__func__:  # type: ignore[attr-defined]
            continue
        wishes: dict[str, TensorStep] = {}
        tensors: dict[str, CompressedTensor] = {}
        for path, chain in chains.items():
            for place, step in enumerate(chain):
                if type(step) is cls:
                    start = CompressedTensor.of(weights[path])
                    wishes[path] = step
                    tensors[path] = _run(start, chain[:place], sites[path])
        levels = cls.agree(wishes, tensors)
        chains = {
            path: tuple(levels[path] if type(s) is cls else s for s in chain)
            for path, chain in chains.items()
        }
    return chains


def _run(
    tensor: CompressedTensor, chain: tuple[TensorStep, ...], site: Site
) -> CompressedTensor:
    """Apply the steps in turn, two in one pass where that is known how."""
    waiting = list(chain)
    while waiting:
        step = waiting.pop(0)
        both = waiting[0].follow(step, tensor, site) if waiting else None
        if both is None:
            tensor = step.apply(tensor, site)
        else:
            tensor = both
            waiting.pop(0)
    return tensor


def _key(digest: str, chain: tuple[TensorStep, ...]) -> str:
    return hashlib.sha256(f"{digest} {chain!r}".encode()).hexdigest()
