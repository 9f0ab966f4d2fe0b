"""Named recipes: three presets, and the tutorials' mistakes to learn from."""

from __future__ import annotations

from workbench.core.recipe import Choice, Plan, Recipe


def _preset(sparsity: float, bits: int) -> Recipe:
    prune = Choice.of("magnitude", sparsity=sparsity)
    return Recipe((Plan("*", (prune, Choice.of("uniform", bits=bits, range="mse"))),))


def _everywhere(*choices: Choice) -> Recipe:
    return Recipe((Plan("*", choices),))


PRESETS: dict[str, Recipe] = {
    "mild": _preset(0.5, 8),
    "balanced": _preset(0.7, 6),
    "aggressive": _preset(0.8, 4),
}

# Each is explained by the text preset.NAME.help: what goes wrong, and what is right.
MISTAKES: dict[str, Recipe] = {
    "step_of_bits": _everywhere(Choice.of("step_of_bits", bits=4)),
    "one_percentile": _everywhere(
        Choice.of("magnitude", sparsity=0.99, scope="tensor")
    ),
    "one_scale": _everywhere(Choice.of("uniform", bits=2, granularity="tensor")),
    "zeros_in_float": _everywhere(Choice.of("magnitude", sparsity=0.5)),
}
