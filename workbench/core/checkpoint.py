"""A retrained network as plain arrays and back: a killed kernel loses nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.affine import Grid
from workbench.core.codes import Affine, Code, Float
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
        if tensor.mask is not None:
            arrays[f"mask:{path}"] = np.packbits(tensor.mask)
        codes[path] = _save_code(path, tensor.code, arrays)
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
        path: _load_tensor(path, head["codes"][path], arrays, kernel.shape)
        for path, kernel in kernels.items()
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
    if isinstance(code, Float):
        arrays[f"values:{path}"] = code.values
        return {"kind": "float"}
    arrays[f"q:{path}"] = code.q
    arrays[f"scale:{path}"] = code.scale
    arrays[f"zero_point:{path}"] = code.zero_point
    return {"kind": "affine", "bits": code.bits, "symmetric": code.is_symmetric}


def _load_tensor(
    path: str,
    head: Mapping[str, Any],
    arrays: Mapping[str, Any],
    shape: tuple[int, ...],
) -> CompressedTensor:
    code: Code
    if head["kind"] == "float":
        code = Float(arrays[f"values:{path}"])
    else:
        code = Affine(
            arrays[f"q:{path}"],
            arrays[f"scale:{path}"],
            arrays[f"zero_point:{path}"],
            head["bits"],
            head["symmetric"],
        )
    packed = arrays.get(f"mask:{path}")
    if packed is None:
        return CompressedTensor(code.decode(), None, code)
    count = int(np.prod(shape))
    mask = np.unpackbits(packed, count=count).astype(np.bool_).reshape(shape)
    dense = np.where(mask, code.decode(), np.float32(0))
    return CompressedTensor(dense, mask, code)


def _load_grid(pair: NDArray[np.float32], bits: int) -> Grid:
    return Grid(pair[0], pair[1].astype(np.int32), bits, False)


def _section(arrays: Mapping[str, Any], name: str) -> dict[str, NDArray[Any]]:
    head = f"{name}:"
    return {k.removeprefix(head): v for k, v in arrays.items() if k.startswith(head)}
