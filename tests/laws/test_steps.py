"""Laws that every registered step keeps, on every kind and shape of kernel."""

import dataclasses
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core import fused
from workbench.core.codes import Affine, LowRank
from workbench.core.compress import compress
from workbench.core.errors import UserError
from workbench.core.factors import applied
from workbench.core.knob import Knob, knobs
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.step import CODING, RANK, TensorStep, steps
from workbench.core.tensor import CompressedTensor, Site

KINDS = [
    ("dense", (6, 5), (1,)),
    ("dense", (1, 1), (1,)),
    ("dense", (7, 1), (1,)),
    ("conv", (3, 3, 2, 4), (3,)),
    ("conv", (3, 2, 4), (2,)),
    ("conv", (2, 2, 3, 5), (2,)),
    ("depthwise", (3, 3, 4, 1), (2, 3)),
    ("depthwise", (3, 3, 2, 3), (2, 3)),
    ("recurrent", (4, 12), (1,)),
    ("embedding", (9, 4), (0,)),
    ("einsum", (5, 2, 3), (1, 2)),
    ("einsum", (2, 3, 5), (2,)),
    ("other", (2, 3, 2, 2, 2), (4,)),
]
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
usual = st.floats(-1, 1, width=32)
few = st.sampled_from([0.0, -0.0, 0.25, -0.25, 0.5])


@st.composite
def places(draw):
    """A site and weights for it: usual, extreme, tied, empty channels, all zero."""
    kind, shape, axes = draw(st.sampled_from(KINDS))
    size = int(np.prod(shape))
    numbers = draw(st.sampled_from([usual, usual, finite, few, st.just(0.0)]))
    flat = draw(st.lists(numbers, min_size=size, max_size=size))
    values = np.array(flat, np.float32).reshape(shape)
    if draw(st.booleans()):
        values[..., 0] = 0
    values.setflags(write=False)
    return Site("layer/kernel", kind, shape, axes), values


def setting(knob: Knob):
    """Any value that a knob accepts."""
    if knob.kind == "bool":
        return st.booleans()
    if knob.kind == "choice":
        return st.sampled_from(knob.choices)
    if knob.kind == "int":
        return st.integers(int(knob.low), int(knob.high))
    inside = st.floats(knob.low, min(knob.high, 2.0))
    return st.none() | inside if knob.optional else inside


def has_one_code(names):
    return sum(steps[name].phase == CODING for name in names) <= 1


@st.composite
def chains(draw, names=None):
    """One to three different steps in their order, at most one code, with any knobs."""
    names = names or list(steps)
    drawn = st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)
    picked = draw(drawn.filter(has_one_code))
    made = []
    ranks = [name for name in picked if steps[name].phase == RANK]
    picked = [name for name in picked if name not in ranks[1:]]
    for name in sorted(picked, key=lambda n: steps[n].phase):
        cls = steps[name]
        made.append(cls(**{n: draw(setting(k)) for n, k in knobs(cls).items()}))
    return tuple(made)


def run(chain, site, values):
    tensor = CompressedTensor.of(values)
    for step in chain:
        tensor = applied(step, tensor, site)
    return tensor


def parts(tensor):
    """What is pruned and coded by itself: the factors of a product, else the tensor."""
    is_product = isinstance(tensor.code, LowRank)
    return tensor.code.factors if is_product else (tensor,)


@settings(deadline=None)
@given(place=places(), chain=chains())
def test_shape_type_and_law(place, chain):
    site, values = place
    before = values.copy()
    tensor = run(chain, site, values)
    assert tensor.dense.shape == values.shape
    for part in (tensor, *parts(tensor)):
        assert part.dense.dtype == np.float32
        assert np.isfinite(part.dense).all()
        decoded = part.code.decode()
        assert decoded.dtype == np.float32
        mask = np.ones(part.dense.shape, bool) if part.mask is None else part.mask
        assert mask.dtype == np.bool_
        assert mask.shape == part.dense.shape
        np.testing.assert_array_equal(decoded * mask, part.dense)
    np.testing.assert_array_equal(values, before)


@settings(deadline=None)
@given(place=places(), chain=chains())
def test_the_same_again_gives_the_same(place, chain):
    site, values = place
    one, two = run(chain, site, values), run(chain, site, values.copy())
    np.testing.assert_array_equal(one.dense.view(np.int32), two.dense.view(np.int32))


@settings(deadline=None)
@given(place=places(), chain=chains())
def test_what_is_pruned_stays_zero(place, chain):
    site, values = place
    tensor = CompressedTensor.of(values)
    for step in chain:
        earlier, tensor = tensor, applied(step, tensor, site)
        if len(parts(earlier)) != len(parts(tensor)):
            continue  # What was zero before a factorization need not stay so.
        for before, after in zip(parts(earlier), parts(tensor), strict=True):
            assert not after.dense[before.dense == 0].any()
            if before.mask is not None:
                assert after.mask is not None
                assert not after.mask[~before.mask].any()


@settings(deadline=None)
@given(place=places(), chain=chains())
def test_integers_lie_on_their_grid(place, chain):
    site, values = place
    for part in parts(run(chain, site, values)):
        code = part.code
        if not isinstance(code, Affine):
            continue
        q = code.q.astype(np.int64)
        largest = 2 ** (code.bits - 1) - 1 if code.is_symmetric else 2**code.bits - 1
        assert q.max() <= largest
        assert q.min() >= (-largest if code.is_symmetric else 0)
        assert np.isfinite(code.scale).all()
        assert (code.scale > 0).all()
        assert code.zero_point.shape == code.scale.shape
        assert code.q.nbytes == q.size * (1 if code.bits <= 8 else 2)


@settings(deadline=None)
@given(
    place=places(),
    sparsity=st.floats(0, 0.999),
    scope=st.sampled_from(["tensor", "global", "lamp"]),
)
def test_sparsity_is_met_within_one_weight(place, sparsity, scope):
    site, values = place
    tensor = run((steps["magnitude"](sparsity=sparsity, scope=scope),), site, values)  # type: ignore[call-arg]
    kept = values.size if tensor.mask is None else np.count_nonzero(tensor.mask)
    assert abs((values.size - kept) - sparsity * values.size) <= 1
    if tensor.mask is not None and tensor.mask.any():
        pruned = np.abs(values[~tensor.mask])
        assert pruned.max(initial=0) <= np.abs(values[tensor.mask]).min()


@settings(deadline=None)
@given(place=places(), chain=chains())
def test_a_recipe_does_what_its_steps_do(place, chain):
    site, values = place
    choices = []
    for step in chain:
        own = {name: getattr(step, name) for name in knobs(type(step))}
        if chain[0].phase == RANK and "scope" in own:
            own["scope"] = "tensor"  # Else the factors of a product share a level.
        if own.get("threshold") is not None:
            own.pop("sparsity")
        choices.append(Choice(step.name, tuple(own.items())))
    recipe = Recipe.loads(Recipe((Plan("*", tuple(choices)),)).dumps("json"))
    made = compress((site,), {site.path: values}, recipe, digests={site.path: "x"})
    taken = [s for s in recipe.steps_for(site.path) if s.refuses(site) is None]
    expected = run(taken, site, values)
    found = made.tensors[site.path]
    np.testing.assert_array_equal(found.dense, expected.dense)
    np.testing.assert_array_equal(found.mask, expected.mask)


@settings(deadline=None, max_examples=50)
@given(place=places(), chain=chains(["magnitude", "uniform"]))
def test_the_compiled_pass_keeps_the_law(place, chain):
    site, values = place
    expected = run(chain, site, values)
    large, fused.LARGE = fused.LARGE, 1
    try:
        found = run(chain, site, values)
        if len(chain) > 1:
            together = chain[1].follow(chain[0], CompressedTensor.of(values), site)
            if together is not None:
                np.testing.assert_array_equal(together.dense, expected.dense)
                np.testing.assert_array_equal(together.mask, expected.mask)
    finally:
        fused.LARGE = large
    np.testing.assert_array_equal(found.dense, expected.dense)
    assert found.nonzeros == expected.nonzeros


@pytest.mark.parametrize("name", list(steps))
def test_a_step_is_a_frozen_value(name):
    step = steps[name]()
    assert issubclass(steps[name], TensorStep)
    assert step.name == name
    assert step == steps[name]()
    assert hash(step) == hash(steps[name]())
    for field in dataclasses.fields(step):
        with pytest.raises(FrozenInstanceError):
            setattr(step, field.name, None)


def bad_values(knob: Knob):
    if knob.kind == "bool":
        return [0, 1, "yes", None]
    if knob.kind == "choice":
        return ["nonsense", 3, None]
    wrong = [knob.low - 1, knob.high + 1, "much", True, float("nan")]
    if knob.kind == "int":
        wrong.append(knob.low + 0.5)
    return wrong if knob.optional else [*wrong, None]


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in steps for field in knobs(steps[name])]
)
def test_bad_settings_are_refused_in_one_sentence(name, field):
    cls = steps[name]
    for value in bad_values(knobs(cls)[field]):
        with pytest.raises(UserError, match=f"{name}.{field} ") as caught:
            cls(**{field: value})
        assert "\n" not in str(caught.value)
        with pytest.raises(UserError):
            Choice.of(name, **{field: value})
