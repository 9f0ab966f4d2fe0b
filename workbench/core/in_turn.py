"""Repair layer after layer, each on what the compressed layers before it give.

A repair on the original's inputs takes no notice of what pruning has done to them.
After all layers have been repaired so, each is repaired once more, from front to back,
to make what the original made there out of what now comes in: it makes up for the
errors before it. Source: the sequential form in Frantar and Alistarh 2022, arXiv
2208.11580.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from workbench.core.codes import LowRank
from workbench.core.gates import apart
from workbench.core.step import RANK

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Mapping, Sequence

    from workbench.core.calibration import Gram
    from workbench.core.network import Network
    from workbench.core.recipe import Recipe
    from workbench.core.step import TensorStep
    from workbench.core.tensor import Site


# Results that are kept, for an undo and for what is saved or retrained next.
_MOST_KEPT = 4
_KEPT_WEIGHTS = 2**24


class CompressedInputs(Protocol):
    """Tells what kernels see of a model that is compressed up to them.

    Attributes:
        turned: What came of networks, by their digest.
    """

    turned: dict[str, Network]

    def stages(self, paths: Collection[str]) -> Sequence[Sequence[str]]:
        """The kernels that can be told of, in turns, from front to back.

        Args:
            paths: Those that are asked for.
        """
        ...

    def grams(
        self, stage: Sequence[str], network: Network
    ) -> Generator[None, None, Mapping[str, Gram]]:
        """Moments of the inputs of a turn's kernels, beside the original's.

        Args:
            stage: The turn.
            network: The model as compressed so far.

        Yields:
            Nothing, after each batch; closing the generator stops it.

        Returns:
            By path; what sees just what the original saw is left out.
        """
        ...


def repaired_in_turn(
    network: Network,
    sites: Sequence[Site],
    recipe: Recipe,
    inputs: CompressedInputs,
    compressed: Callable[[Sequence[Site], Network], Network],
) -> Generator[None, None, Network]:
    """Repair a network layer after layer.

    Args:
        network: Each of its layers repaired by itself.
        sites: The model's kernels, with their Gram matrices.
        recipe: What was done.
        inputs: What kernels see of a compressed model.
        compressed: Compresses sites again, taking over what is the same in a network.

    Yields:
        Nothing, after each batch of samples; closing the generator stops it.

    Returns:
        The network, as it was where nothing asks for such a repair.
    """
    key = network.digest
    if key in inputs.turned:
        return inputs.turned[key]
    current = {site.path: site for site in sites}
    for stage in inputs.stages(asking(network, sites, recipe)):
        grams = yield from inputs.grams(stage, network)
        if not grams:
            continue
        for path, gram in grams.items():
            current[path] = replace(current[path], current=gram)
        network = compressed(tuple(current.values()), network)
        for path, gram in grams.items():
            current[path] = replace(current[path], current=gram.without_rows())
    _keep(inputs.turned, key, network)
    return network


def _keep(turned: dict[str, Network], key: str, network: Network) -> None:
    """Keep a result; the oldest give way, all of them where the model is large."""
    room = _KEPT_WEIGHTS // max(network.parameters, 1)
    while len(turned) >= max(1, min(room, _MOST_KEPT)):
        del turned[next(iter(turned))]
    turned[key] = network


def asking(network: Network, sites: Sequence[Site], recipe: Recipe) -> list[str]:
    """The kernels that a recipe wants repaired on what compressed layers give.

    Args:
        network: What was made of them.
        sites: The model's kernels, with their Gram matrices.
        recipe: What was done.
    """
    found = [
        site.whole or site.path
        for site in apart(sites, recipe)
        if site.gram is not None
        and any(_asks(step, site, network) for step in recipe.steps_for(site.path))
    ]
    return list(dict.fromkeys(found))


def _asks(step: TensorStep, site: Site, network: Network) -> bool:
    """Whether a step repairs a kernel in turn; a product is made anew."""
    code = network.tensors[site.whole or site.path].code
    is_fitting = step.phase == RANK or not isinstance(code, LowRank)
    return step.is_in_turn and is_fitting and step.refuses(site) is None
