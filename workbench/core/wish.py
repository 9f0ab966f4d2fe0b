"""One wish over all tensors: a size, or a sparsity, that their levels share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

BITS = (32, 8, 5, 4, 3, 2)


@dataclass(frozen=True)
class Wish:
    """What all tensors together are wished to come to; either a size or a sparsity.

    Attributes:
        nbytes: Bytes of the whole model in an entropy-coded file: all variables, and
            the architecture.
        sparsity: Fraction of the kernels' weights to prune, 0 to 1.
        bits: Bit widths that may be chosen, of `BITS`, 32 for float; none means all of
            them for a size, and 32 for a sparsity.
    """

    nbytes: float | None = None
    sparsity: float | None = None
    bits: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values out of bounds, and two wishes at once."""
        if (self.nbytes is None) == (self.sparsity is None):
            raise UserError("wish.one")
        if self.nbytes is not None:
            _check("nbytes", self.nbytes, 1, 1e15)
        if self.sparsity is not None:
            _check("sparsity", self.sparsity, 0, 0.999)
        for bits in self.bits:
            if bits not in BITS or isinstance(cast("object", bits), bool):
                known = ", ".join(map(str, BITS))
                raise UserError("wish.bits", known=known, received=bits)

    @property
    def widths(self) -> tuple[int, ...]:
        """The bit widths that may be chosen."""
        return self.bits or (BITS if self.sparsity is None else BITS[:1])

    def to_json(self) -> dict[str, Any]:
        """What is set, as JSON values."""
        said = {"nbytes": self.nbytes, "sparsity": self.sparsity}
        out: dict[str, Any] = {k: v for k, v in said.items() if v is not None}
        return out | ({"bits": list(self.bits)} if self.bits else {})

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Wish:
        """A wish from JSON values.

        Raises:
            UserError: If a value does not fit.
        """
        bits = fields.get("bits", [])
        if not isinstance(bits, list):
            known = ", ".join(map(str, BITS))
            raise UserError("wish.bits", known=known, received=bits)
        widths = tuple(cast("list[int]", bits))
        return cls(fields.get("nbytes"), fields.get("sparsity"), widths)


def _check(name: str, value: object, low: float, high: float) -> None:
    name = f"wish.{name}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError("knob.number", name=name, received=value)
    if not low <= value <= high:
        raise UserError(
            "knob.range", name=name, low=f"{low:g}", high=f"{high:g}", received=value
        )
