"""Recurrent kernels with gates, and what a recipe makes of them."""

from typing import Any

import numpy as np

from workbench.core.compress import compress
from workbench.core.gates import GATES, tensor_of, with_gates
from workbench.core.network import array_digest
from workbench.core.recipe import Choice, Plan
from workbench.core.tensor import Site

RNG = np.random.default_rng(0)
LSTM = Site("lstm/kernel", "recurrent", (8, 24), (1,), gates=GATES["LSTM"])
GRU = Site("gru/recurrent_kernel", "recurrent", (6, 18), (1,), gates=GATES["GRU"])
HEAD = Site("head/kernel", "dense", (6, 4), (1,))
SITES = (LSTM, GRU, HEAD)
WEIGHTS = {s.path: RNG.normal(size=s.shape).astype(np.float32) for s in SITES}


def run(recipe, sites=SITES, weights=WEIGHTS, **more) -> Any:
    digests = {path: array_digest(w) for path, w in weights.items()}
    return compress(sites, weights, recipe, digests=digests, **more)


def place(path, sites=SITES):
    return next(site for site in with_gates(sites) if site.path == path)


def gate(network, path) -> Any:
    return tensor_of(network.tensors, place(path))


def pruned(target, sparsity):
    return Plan(target, (Choice.of("magnitude", sparsity=sparsity, scope="tensor"),))
