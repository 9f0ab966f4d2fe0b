"""Labels of channels, some of which turn out to be one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import keras
    from numpy.typing import NDArray

    from workbench.core.groups import Role

# Labels of what is held fast: by the model's outputs, its inputs, or a layer.
OUTPUT, INPUT, LAYER, FIRST_FREE = 0, 1, 2, 3


class Labels:
    """The labels of all axes of variables, as a forest of what was tied.

    Args:
        paths: Address of each variable, by its identity.

    Attributes:
        axes: Labels of each entry along an axis, by address and axis.
        roles: What the variable does to the channels along that axis.
    """

    def __init__(self, paths: Mapping[int, str]) -> None:
        """Nothing is labelled yet."""
        self.axes: dict[tuple[str, int], NDArray[np.intp]] = {}
        self.roles: dict[tuple[str, int], Role] = {}
        self._paths = paths
        self._parent = list(range(FIRST_FREE))

    def new(self, count: int) -> NDArray[np.intp]:
        """Labels that nothing else has."""
        first = len(self._parent)
        self._parent.extend(range(first, first + count))
        return np.arange(first, first + count)

    def held(self, shape: Sequence[int | None], by: int = LAYER) -> NDArray[np.intp]:
        """Labels held fast, one for each entry of a tensor's last axis."""
        count = shape[-1] if len(shape) > 1 else 1
        return np.full(count or 1, by, np.intp)

    def hold(self, labels: NDArray[np.intp], by: int = LAYER) -> None:
        """Hold channels fast; of several that do, the last is told."""
        for label in labels.tolist():
            root = self._root(label)
            held = root if root >= FIRST_FREE else label
            if held >= FIRST_FREE:
                self._parent[held] = by

    def tie(self, one: NDArray[np.intp], two: NDArray[np.intp]) -> NDArray[np.intp]:
        """Make channels one, entry by entry; where one side is fixed, both are."""
        for a, b in zip(one.tolist(), two.tolist(), strict=True):
            first, second = sorted((self._root(a), self._root(b)))
            if second >= FIRST_FREE:  # Who holds what is told apart.
                self._parent[second] = first
        return one

    def roots(self, labels: NDArray[np.intp]) -> NDArray[np.intp]:
        """The label that stands for all that are tied to each."""
        return np.array([self._root(label) for label in labels.tolist()], np.intp)

    def mark(
        self,
        variable: keras.Variable | None,
        axis: int,
        labels: NDArray[np.intp],
        role: Role,
    ) -> NDArray[np.intp]:
        """Label an axis of a variable; what is labelled already is tied to it.

        Args:
            variable: None marks nothing.
            axis: From the end where negative.
            labels: One for each entry.
            role: What the variable does to these channels.

        Returns:
            `labels`.
        """
        if variable is None:
            return labels
        key = (self._paths[id(variable)], axis % len(variable.shape))
        known = self.axes.setdefault(key, labels)
        self.roles.setdefault(key, role)
        return labels if known is labels else self.tie(known, labels)

    def made(
        self, variable: keras.Variable, axis: int, role: Role = "makes"
    ) -> NDArray[np.intp]:
        """The labels of a layer's outputs; the same ones at each use of it.

        Args:
            variable: One that has an entry for each along an axis.
            axis: From the end where negative.
            role: What the variable does to these channels.
        """
        key = (self._paths[id(variable)], axis % len(variable.shape))
        if key not in self.axes:
            self.axes[key] = self.new(variable.shape[axis])
            self.roles[key] = role
        return self.axes[key]

    def _root(self, label: int) -> int:
        parent = self._parent
        while parent[label] != label:
            parent[label] = parent[parent[label]]
            label = parent[label]
        return label
