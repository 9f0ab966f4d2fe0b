"""Modules are put together, and colours can be read and told apart."""

from __future__ import annotations

import re

import numpy as np
import pytest

from workbench.frontend import FOLDER, TEMPLATE, module, stylesheet

TEXT = ("text", "muted", "warn", "error", "ok", "original", "before", "after")
TEXT += ("threshold", "budget", "focus")
# Viénot, Brettel and Mollon 1999: linear RGB as a protanope and a deuteranope see it.
PROTAN = np.array(
    [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]
)
DEUTAN = np.array(
    [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]
)


def tokens(theme: int) -> dict[str, np.ndarray]:
    found = re.findall(r"--wb-([\w-]+): light-dark\((#\w+), (#\w+)\)", stylesheet())
    return {name: linear(both[theme]) for name, *both in found}


def linear(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(rgb: np.ndarray) -> float:
    return float(rgb @ [0.2126, 0.7152, 0.0722])


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = rgb @ np.array(
        [[0.4339, 0.2126, 0.0178], [0.3762, 0.7152, 0.1095], [0.1898, 0.0722, 0.8730]]
    )
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_colours_can_be_read(theme: int) -> None:
    colours = tokens(theme)
    for ground in ("surface", "raised"):
        for name in TEXT:
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("seen", [np.eye(3), PROTAN, DEUTAN], ids=["all", "p", "d"])
def test_the_three_series_stay_apart(theme: int, seen: np.ndarray) -> None:
    colours = tokens(theme)
    series = [
        lab(np.clip(seen @ colours[n], 0, 1)) for n in ("original", "before", "after")
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(series[one] - series[other]) > 15


def test_every_colour_is_said_once_for_both_themes() -> None:
    used = set(re.findall(r"var\(--wb-([\w-]+)", stylesheet()))
    declared = set(re.findall(r"--wb-([\w-]+):", stylesheet()))
    assert used - declared == {"figure-height"} - declared


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*.js")), ids=lambda path: path.name
)
def test_a_module_holds_all_it_imports(path) -> None:
    text = module(path.name)
    assert 'from "./' not in text
    declared = re.findall(
        r"^(?:export )?(?:async )?(?:function|const|class) (\w+)", text, re.M
    )
    assert len(declared) == len(set(declared))


def test_the_page_names_no_other_machine() -> None:
    page = (TEMPLATE / "index.html.j2").read_text("utf-8")
    assert "//" not in re.sub(r"{#.*?#}|//[^\n]*\n(?=\s)", "", page, flags=re.S)
