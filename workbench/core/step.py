"""What a method is: a frozen step over one tensor, declared by its knobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.core.knob import check_fields
from workbench.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.core.tensor import CompressedTensor, Site

RANK = 5
PRUNING = 10
CODING = 30
POLISH = 40


@dataclass(frozen=True)
class TensorStep(ABC):
    """A method that treats each tensor by itself.

    Subclasses are frozen dataclasses whose fields are knobs, registered with
    ``@steps.add(name)``.

    Attributes:
        name: The registered name.
        phase: Place in the sane order of a plan: 3 takes out structure, 5 (`RANK`)
            makes products, 10 (`PRUNING`) prunes, 20 repairs, 30 (`CODING`) codes, 40
            (`POLISH`) takes seconds and comes when all else is done. A tensor has one
            code.
        follows_inputs: Whether it minds what earlier layers have come to give, the
            `current` of a site.
    """

    name: ClassVar[str]
    phase: ClassVar[int]
    follows_inputs: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse values out of bounds."""
        check_fields(self.name, self)

    @abstractmethod
    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """The tensor after this step; the input is not changed."""

    def follow(
        self,
        earlier: TensorStep,  # noqa: ARG002
        tensor: CompressedTensor,  # noqa: ARG002
        site: Site,  # noqa: ARG002
    ) -> CompressedTensor | None:
        """What an earlier step and then this one do, in one pass.

        Args:
            earlier: The step just before this one.
            tensor: The tensor before both; it is not changed.
            site: Its place.

        Returns:
            The same as `apply` of one after the other gives, bit for bit; None where
            there is no quicker way.
        """
        return None

    @classmethod
    def agree(
        cls,
        wishes: Mapping[str, Any],
        tensors: Mapping[str, CompressedTensor],  # noqa: ARG003
        sites: Mapping[str, Site],  # noqa: ARG003
    ) -> Mapping[str, TensorStep]:
        """The step each tensor takes once all wishes are known.

        A method whose level is shared between tensors, such as one threshold over
        the whole model, replaces the wishes by the levels that follow.

        Args:
            wishes: The step of this class that the recipe asks for, by tensor path.
            tensors: What each of them looks like just before this step, and all others
                as they start.
            sites: The place of every tensor.

        Returns:
            Steps of this class by path; a tensor that has no wish, but is treated
            because another one is, gets one too.
        """
        return wishes

    def plain(self) -> TensorStep | None:
        """The step without what calibration gives; None where nothing is left of it.

        It stands in where calibration is missing, and while a slider moves.
        """
        return self

    @property
    def is_idle(self) -> bool:
        """Whether it leaves every tensor as it is."""
        return False

    @property
    def is_in_turn(self) -> bool:
        """Whether it asks to be repeated once earlier layers are compressed."""
        return False

    @property
    def needs_slopes(self) -> bool:
        """Whether it asks how the model's loss hangs on what kernels take."""
        return False

    def refuses(self, site: Site) -> str | None:  # noqa: ARG002
        """Text key of why the step cannot treat a site; None where it can."""
        return None

    def falls_short(self, site: Site) -> str | None:  # noqa: ARG002
        """Text key of why the step does less for a site than it should; else None."""
        return None


class ModelStep(TensorStep):
    """A method that treats the model as a whole, once any tensor's plan asks for it.

    It stays out of the steps that each tensor takes by itself.
    """

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:  # noqa: ARG002
        """The tensor as it is."""
        return tensor


steps: Registry[type[TensorStep]] = Registry("workbench.methods", "step")
