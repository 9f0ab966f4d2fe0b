"""A retrained network as plain arrays and back: a killed kernel loses nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.affine import Grid
from workbench.core.codes import Affine, Code, Codebook, Float, Gates, LowRank
from workbench.core.measurement import Retrained
from workbench.core.network import Network, Skipped
from workbench.core.recipe import Recipe
from workbench.core.tensor import CompressedTensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


Arrays = dict[str, "NDArray[Any]"]


def to_arrays(retrained: Retrained) -> Arrays:
    """Arrays by name that hold a retrained network exactly."""
    arrays: Arrays = {}
    codes: dict[str, Any] = {}
    network = retrained.network
    for path, tensor in network.tensors.items():
        arrays[f"kernel:{path}"] = retrained.kernels[path]
        codes[path] = _save_tensor(path, tensor, arrays)
    for path, values in (network.others or {}).items():
        arrays[f"other:{path}"] = values
    for path, grid in network.activations.items():
        arrays[f"activation:{path}"] = np.stack(
            [grid.scale, grid.zero_point.astype(np.float32)]
        )
    head = {
        "recipe": retrained.recipe.to_json(),
        "epoch": retrained.epoch,
        "validation": retrained.validation,
        "codes": codes,
        "digests": dict(network.digests),
        "activations": {p: g.bits for p, g in network.activations.items()},
        "skipped": [[one.path, one.step, one.reason] for one in network.skipped],
    }
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    return arrays


def from_arrays(arrays: Mapping[str, Any]) -> Retrained:
    """The retrained network that `to_arrays` saved.

    Raises:
        KeyError: If an array is missing.
        UserError: If its recipe is none.
    """
    head = json.loads(arrays["head"].tobytes())
    kernels = _section(arrays, "kernel")
    tensors = {
        path: _load_tensor(path, head["codes"][path], arrays) for path in kernels
    }
    activations = {
        path: _load_grid(arrays[f"activation:{path}"], bits)
        for path, bits in head["activations"].items()
    }
    network = Network(
        tensors,
        head["digests"],
        activations,
        tuple(Skipped(*one) for one in head.get("skipped", ())),
        _section(arrays, "other"),
        is_retrained=True,
    )
    recipe = Recipe.from_json(head["recipe"])
    return Retrained(network, kernels, recipe, head["epoch"], head["validation"])


def _save_code(path: str, code: Code, arrays: Arrays) -> dict[str, Any]:
    """Put a code's arrays under names that end in the path; the rest is returned."""
    if isinstance(code, Float):
        arrays[f"values:{path}"] = code.values
        return {"kind": "float"}
    if isinstance(code, Affine):
        arrays[f"q:{path}"] = code.q
        arrays[f"scale:{path}"] = code.scale
        arrays[f"zero_point:{path}"] = code.zero_point
        return {"kind": "affine", "bits": code.bits, "symmetric": code.is_symmetric}
    if isinstance(code, Codebook):
        arrays[f"indexes:{path}"] = code.indexes
        arrays[f"centroids:{path}"] = code.centroids
        return {"kind": "codebook", "bits": code.bits}
    parts = enumerate(code.parts)
    own = {"names": code.names} if isinstance(code, Gates) else {}
    return {
        "kind": "gates" if own else "low_rank",
        "shape": code.shape,
        "factors": [_save_tensor(f"{path}#{i}", f, arrays) for i, f in parts],
    } | own


def _save_tensor(path: str, tensor: CompressedTensor, arrays: Arrays) -> dict[str, Any]:
    if tensor.mask is not None:
        arrays[f"mask:{path}"] = np.packbits(tensor.mask)
    return _save_code(path, tensor.code, arrays)


def _load_code(path: str, head: Mapping[str, Any], arrays: Mapping[str, Any]) -> Code:
    kind = head["kind"]
    if kind == "float":
        return Float(arrays[f"values:{path}"])
    if kind == "affine":
        q, scale = arrays[f"q:{path}"], arrays[f"scale:{path}"]
        zero_point = arrays[f"zero_point:{path}"]
        return Affine(q, scale, zero_point, head["bits"], head["symmetric"])
    if kind == "codebook":
        indexes, centroids = arrays[f"indexes:{path}"], arrays[f"centroids:{path}"]
        return Codebook(indexes, centroids, head["bits"])
    parts = tuple(
        _load_tensor(f"{path}#{i}", part, arrays)
        for i, part in enumerate(head["factors"])
    )
    if kind == "gates":
        return Gates(parts, tuple(head["shape"]), tuple(head["names"]))
    return LowRank(parts, tuple(head["shape"]))


def _load_tensor(
    path: str, head: Mapping[str, Any], arrays: Mapping[str, Any]
) -> CompressedTensor:
    code = _load_code(path, head, arrays)
    dense = code.decode()
    packed = arrays.get(f"mask:{path}")
    if packed is None:
        return CompressedTensor(dense, None, code)
    mask = np.unpackbits(packed, count=dense.size).astype(np.bool_)
    mask = mask.reshape(dense.shape)
    return CompressedTensor(np.where(mask, dense, np.float32(0)), mask, code)


def _load_grid(pair: NDArray[np.float32], bits: int) -> Grid:
    return Grid(pair[0], pair[1].astype(np.int32), bits, False)


def _section(arrays: Mapping[str, Any], name: str) -> dict[str, NDArray[Any]]:
    head = f"{name}:"
    return {k.removeprefix(head): v for k, v in arrays.items() if k.startswith(head)}
