"""The simulated int8 model against LiteRT, on the demos' whole test sets."""

from pathlib import Path

import pytest

from workbench import demo
from workbench.core.compress import activation_grids, compress
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.engine.calibrator import Calibrator
from workbench.engine.workload import open_workload
from workbench.export.artifact import ExportJob, exporters

pytestmark = [pytest.mark.slow, pytest.mark.peer]


@pytest.mark.parametrize(("name", "widths"), [("cnn", (8, 4)), ("lenet", (8,))])
def test_the_file_is_what_was_simulated(
    name: str, widths: tuple[int, ...], tmp_path: Path
) -> None:
    own = open_workload(*demo.paths(name))
    calibrator = Calibrator(own)
    for _ in calibrator.run(samples=512):
        continue
    for bits in widths:
        steps = (Choice.of("uniform", bits=bits),)
        wish = Recipe((Plan("*", steps, Choice.of("activations", bits=8)),))
        grids = activation_grids(own.outputs, wish, calibrator.seen)
        made = compress(
            own.sites, own.weights, wish, digests=own.digests, activations=grids
        )
        artifact = exporters["tflite-int8"](ExportJob(own, made, wish, tmp_path))
        assert artifact.agreement is not None
        assert artifact.agreement >= 0.999
        assert "export.float_operators" not in [note.key for note in artifact.notes]
        print(  # noqa: T201 - the number is what the test is about
            f"{name}, {bits} bits: {10_000 * (1 - artifact.agreement):.0f} of 10,000 "
            f"answers differ, {artifact.bytes.value:,.0f} bytes"
        )
