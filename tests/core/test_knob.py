"""Knobs check what they are given, and say what must hold."""

import math
from dataclasses import dataclass

import pytest

from workbench.core.errors import UserError
from workbench.core.knob import check_fields, check_values, knob, knobs, merge


@dataclass(frozen=True)
class Toy:
    share: float = knob(0.5, low=0, high=1, excludes="limit")
    limit: float | None = knob(None, kind="float", low=0, high=9, excludes="share")
    bits: int = knob(8, low=2, high=16)
    is_even: bool = knob(True)
    shape: str = knob("round", choices=("round", "square"))
    plain: int = 3

    def __post_init__(self):
        check_fields("toy", self)


def test_kinds_follow_from_defaults():
    kinds = {name: one.kind for name, one in knobs(Toy).items()}
    assert kinds == {
        "share": "float",
        "limit": "float",
        "bits": "int",
        "is_even": "bool",
        "shape": "choice",
    }
    assert [name for name, one in knobs(Toy).items() if one.optional] == ["limit"]


def test_whole_floats_become_integers_and_integers_floats():
    toy = Toy(bits=4.0, share=1)  # type: ignore[arg-type]
    assert type(toy.bits) is int
    assert type(toy.share) is float


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"share": 1.1}, r"toy.share must lie in \[0, 1\]. Received: 1.1."),
        ({"share": math.nan}, r"toy.share must lie in \[0, 1\]. Received: nan."),
        ({"share": math.inf}, "must lie in"),
        ({"share": "half"}, "toy.share must be a number. Received: 'half'."),
        ({"share": True}, "must be a number"),
        ({"share": None}, "must be a number"),
        ({"bits": 2.5}, "toy.bits must be a whole number. Received: 2.5."),
        ({"bits": 1}, "must lie in"),
        ({"is_even": 1}, "toy.is_even must be true or false. Received: 1."),
        ({"shape": "oval"}, "toy.shape must be one of round, square."),
        ({"shape": 3}, "must be one of"),
        ({"limit": 10}, "must lie in"),
    ],
)
def test_what_does_not_fit_is_refused(values, sentence):
    with pytest.raises(UserError, match=sentence):
        Toy(**values)
    with pytest.raises(UserError, match=sentence):
        check_values("toy", Toy, values)


def test_unknown_names_and_plain_fields_are_refused():
    for name in ("sharp", "plain"):
        with pytest.raises(UserError, match=f"no setting '{name}'"):
            check_values("toy", Toy, {name: 1})


def test_setting_one_face_clears_the_other():
    assert merge(Toy, {"share": 0.5, "bits": 4}, {"limit": 3.0}) == {
        "bits": 4,
        "limit": 3.0,
    }
    assert merge(Toy, {"share": 0.5}, {"limit": None}) == {"share": 0.5, "limit": None}
    with pytest.raises(UserError, match="only one of"):
        check_values("toy", Toy, {"share": 0.5, "limit": 3})
