"""How the loss hangs on what a kernel takes: gradient times weight, over samples.

With an input of a kernel gone, the loss changes to first order by the sum of ``g w``
over the weights w that take it, with their gradients g. Source: Molchanov et al. 2019,
arXiv 1906.10771.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Slopes:
    """What training samples say of a kernel.

    Attributes:
        along: By axis the sums of ``g w`` over all other axes, float32 (batches,
            entries); axes along which no channel enters are left out.
    """

    along: Mapping[int, NDArray[np.float32]]

    def shared(self, count: int) -> Slopes:
        """The part of one of several equal slices of the last axis.

        Which slice a change comes from is not known: what is summed over all of them
        is right.
        """
        share = np.float32(1 / count)
        return Slopes({axis: sums * share for axis, sums in self.along.items()})
