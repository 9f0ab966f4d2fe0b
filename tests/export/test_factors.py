"""Files of models whose kernels are products of factors."""

from pathlib import Path

import numpy as np

from tests.chain.models import case
from workbench.core.codes import LowRank
from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.engine.workload import open_workload
from workbench.export.artifact import ExportJob, exporters


def test_a_file_holds_the_integers_of_the_factors(tmp_path: Path) -> None:
    workload = open_workload(case("dense").model, case("dense").data)
    recipe = Recipe(
        (Plan("*", (Choice.of("svd", rank=0.8), Choice.of("uniform", bits=8))),)
    )
    network = compress(
        workload.sites, workload.weights, recipe, digests=workload.digests
    )
    codes = [tensor.code for tensor in network.tensors.values()]
    factors = [part for c in codes if isinstance(c, LowRank) for part in c.factors]
    assert factors
    job = ExportJob(workload, network, recipe, tmp_path)
    made = exporters["tflite-exact"](job)
    assert made.agreement == 1.0
    assert made.types is not None
    rest = [t for t in network.tensors.values() if not isinstance(t.code, LowRank)]
    count = sum(part.dense.size for part in (*factors, *rest))
    assert made.types["int8"] == count
    assert count < sum(np.size(values) for values in workload.weights.values())
