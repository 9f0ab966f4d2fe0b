"""The resolved recipe: what was done, with no glob and no wish left in it.

It is written beside every artifact. The recipe in it says what was wanted; the levels
say what became of each tensor; hashes and versions say of what and by what.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.affine import grid_of_code
from workbench.core.codes import Gates
from workbench.core.knob import knobs
from workbench.core.network import array_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from workbench.core.affine import Grid
    from workbench.core.network import Network, Skipped
    from workbench.core.recipe import Recipe
    from workbench.core.step import TensorStep
    from workbench.core.tensor import CompressedTensor

FILE_NAME = "resolved.json"
VERSION = 1
_LIBRARIES = ("compression-workbench", "keras", "numpy")
_TENSORFLOWS = ("tensorflow", "tensorflow-cpu")


@dataclass(frozen=True, eq=False)
class Level:
    """What became of one tensor.

    Attributes:
        path: Its address.
        shape: Its shape.
        steps: What was applied, as JSON objects with every knob.
        nonzeros: Number of weights that are not zero.
        sparsity: Fraction of zeros, 0 to 1.
        threshold: Smallest magnitude that pruning kept; None where nothing was
            pruned, nothing was kept or the weights before are not known.
        bits: Bit width of a weight, 32 where it is not quantized.
        grid: Its grid; None where it is not quantized.
        digest: SHA-256 of the resulting values, by `network.array_digest`.
        gates: What became of each gate, where a kernel was treated gate by gate.
    """

    path: str
    shape: tuple[int, ...]
    steps: tuple[Mapping[str, Any], ...]
    nonzeros: int
    sparsity: float
    threshold: float | None
    bits: int
    grid: Grid | None
    digest: str
    gates: tuple[Level, ...] = ()


@dataclass(frozen=True, eq=False)
class ResolvedRecipe:
    """What was done to a model.

    Attributes:
        model: The model's name.
        recipe: What was wanted, seed and retraining included.
        hashes: SHA-256 of what it was done to: ``model``, ``data`` and so on.
        versions: Of Python and the libraries that did it.
        levels: What became of each kernel.
        activations: The grid of each place whose activations are quantized.
        skipped: What could not be treated, and why.
        network: Hash of the whole result.
        is_retrained: Whether the result was retrained.
    """

    model: str
    recipe: Recipe
    hashes: Mapping[str, str]
    versions: Mapping[str, str]
    levels: tuple[Level, ...]
    activations: Mapping[str, Grid]
    skipped: tuple[Skipped, ...]
    network: str
    is_retrained: bool

    def to_json(self) -> dict[str, Any]:
        """The resolved recipe as JSON values."""
        return {
            "version": VERSION,
            "model": self.model,
            "hashes": dict(self.hashes) | {"network": self.network},
            "versions": dict(self.versions),
            "is_retrained": self.is_retrained,
            "recipe": self.recipe.to_json(),
            "tensors": [_level_to_json(level) for level in self.levels],
            "activations": [
                {"path": path, "bits": grid.bits} | _grid_to_json(grid)
                for path, grid in self.activations.items()
            ],
            "skipped": [
                {"path": one.path, "step": one.step, "reason": one.reason}
                for one in self.skipped
            ],
        }

    def dumps(self) -> str:
        """The resolved recipe as JSON text."""
        return json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n"


def resolve(
    recipe: Recipe,
    network: Network,
    *,
    model: str,
    hashes: Mapping[str, str],
    weights: Mapping[str, NDArray[np.float32]] | None = None,
) -> ResolvedRecipe:
    """Write down what a recipe became.

    Args:
        recipe: What was wanted.
        network: What came of it.
        model: The model's name.
        hashes: SHA-256 of model, data and whatever else it depends on.
        weights: The kernels just before pruning, for the thresholds; None where they
            are not at hand.
    """
    skipped = {(one.path, one.step) for one in network.skipped}

    def level(
        path: str, tensor: CompressedTensor, before: NDArray[np.float32] | None
    ) -> Level:
        taken = [s for s in recipe.steps_for(path) if (path, s.name) not in skipped]
        found = _level(path, tensor, taken, before)
        code = tensor.code
        if not isinstance(code, Gates):
            return found
        count = len(code.parts)
        befores = [None] * count if before is None else np.split(before, count, axis=-1)
        gates = tuple(
            level(code.part_path(path, place), part, befores[place])
            for place, part in enumerate(code.parts)
        )
        return replace(found, steps=(), threshold=None, gates=gates)

    levels = tuple(
        level(path, tensor, (weights or {}).get(path))
        for path, tensor in network.tensors.items()
    )
    return ResolvedRecipe(
        model=model,
        recipe=recipe,
        hashes=hashes,
        versions=library_versions(),
        levels=levels,
        activations=network.activations,
        skipped=network.skipped,
        network=network.digest,
        is_retrained=network.is_retrained,
    )


def library_versions() -> dict[str, str]:
    """Versions of Python, of the workbench and of what it computes with."""
    found = installed((*_LIBRARIES, *_TENSORFLOWS))
    plain = {name.removesuffix("-cpu"): number for name, number in found.items()}
    return {"python": platform.python_version()} | plain


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those of some packages that are installed."""
    found: dict[str, str] = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _level(
    path: str,
    tensor: CompressedTensor,
    steps: list[TensorStep],
    before: NDArray[np.float32] | None,
) -> Level:
    return Level(
        path=path,
        shape=tensor.dense.shape,
        steps=tuple(
            {"step": step.name}
            | {name: getattr(step, name) for name in knobs(type(step))}
            for step in steps
        ),
        nonzeros=tensor.nonzeros,
        sparsity=tensor.sparsity,
        threshold=_threshold(tensor, before),
        bits=tensor.bits,
        grid=grid_of_code(tensor.code),
        digest=array_digest(tensor.dense),
    )


def _threshold(
    tensor: CompressedTensor, before: NDArray[np.float32] | None
) -> float | None:
    if tensor.mask is None or before is None or not tensor.mask.any():
        return None
    return float(np.abs(before[tensor.mask]).min())


def _level_to_json(level: Level) -> dict[str, Any]:
    out: dict[str, Any] = {
        "path": level.path,
        "shape": list(level.shape),
        "steps": [dict(step) for step in level.steps],
        "nonzeros": level.nonzeros,
        "sparsity": level.sparsity,
        "threshold": level.threshold,
        "bits": level.bits,
        "sha256": level.digest,
    }
    if level.gates:
        out["gates"] = [_level_to_json(gate) for gate in level.gates]
    return out | (_grid_to_json(level.grid) if level.grid else {})


def _grid_to_json(grid: Grid) -> dict[str, Any]:
    """A grid; JSON numbers hold float32 values exactly."""
    return {
        "symmetric": grid.is_symmetric,
        "scale_shape": list(grid.scale.shape),
        "scale": grid.scale.reshape(-1).tolist(),
        "zero_point": grid.zero_point.reshape(-1).tolist(),
    }
