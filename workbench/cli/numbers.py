"""Results as the command line gives them to scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.core.codes import Gates
from workbench.core.gates import gates_of, tensor_of

if TYPE_CHECKING:
    from workbench.cli.voice import Voice
    from workbench.core.cost import Sizes
    from workbench.core.measurement import Measurement, MetricInfo
    from workbench.core.network import Network
    from workbench.core.quantity import Quantity
    from workbench.core.tensor import Site


def metric(info: MetricInfo) -> dict[str, Any]:
    """What the score means."""
    return {"name": info.name, "higher_is_better": info.higher_is_better}


def measurement(measured: Measurement | None) -> dict[str, Any] | None:
    """A score with its paired difference, which the original has none of."""
    if measured is None:
        return None
    gap = measured.difference
    return {
        "score": measured.score,
        "low": measured.low,
        "high": measured.high,
        "difference": None
        if gap is None
        else {"value": gap.value, "low": gap.low, "high": gap.high},
        "seen": measured.seen,
        "total": measured.total,
        "turned_wrong": measured.turned_wrong,
        "turned_right": measured.turned_right,
        "provenance": measured.provenance,
    }


def quantity(amount: Quantity) -> dict[str, Any]:
    """A number of bytes with its origin."""
    return {"bytes": int(amount.value), "provenance": amount.provenance}


def sizes(original: Sizes, result: Sizes, coded: Quantity) -> dict[str, Any]:
    """What the original and the result take, by way of storing."""
    named = {
        "original": original.float32,
        "float32": result.float32,
        "dense": result.dense,
        "packed": result.packed,
        "entropy": result.entropy,
        "coded": coded,
    }
    return {name: quantity(amount) for name, amount in named.items()}


def tensors(
    sites: tuple[Site, ...], network: Network, voice: Voice
) -> list[dict[str, Any]]:
    """Each kernel, what became of it, and why not."""
    reasons: dict[str, str] = {}
    for skipped in network.skipped:
        reasons.setdefault(skipped.path, voice.say(skipped.reason))

    def numbers(site: Site) -> dict[str, Any]:
        tensor = tensor_of(network.tensors, site)
        found: dict[str, Any] = {
            "path": site.path,
            "parameters": site.parameters,
            "sparsity": tensor.sparsity,
            "bits": tensor.bits,
            "skipped": reasons.get(site.path),
        }
        if isinstance(tensor.code, Gates):
            found["gates"] = [numbers(gate) for gate in gates_of(site)]
        return found

    return [numbers(site) for site in sites]
