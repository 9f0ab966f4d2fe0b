"""The models and the data that every subject gets, in forms that all can read.

A model is a chain of layers: beside its ``.keras`` file it is kept as the layers'
settings (JSON) and their weights (NPZ), so that Keras 2 can build it again.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MODELS = ("bench", "cnn", "lenet", "lstm")
CALIBRATION_SAMPLES = 500
_LETTERS = ("lstm",)

# What Keras 2 and 3 name and mean alike; the rest are defaults, or Keras 3 only.
_SETTINGS = (
    "name",
    "activation",
    "axis",
    "epsilon",
    "filters",
    "input_dim",
    "kernel_size",
    "momentum",
    "offset",
    "output_dim",
    "padding",
    "pool_size",
    "scale",
    "strides",
    "units",
    "unroll",
    "use_bias",
)


@dataclass(frozen=True)
class Inputs:
    """A model and its data.

    Attributes:
        name: One of `MODELS`.
        folder: What `prepare` filled.
        data: The demo's samples, ``.npz``.
        scratch: Where a subject may write.
        is_timed: Whether seconds are compared; files are, where not.
    """

    name: str
    folder: Path
    data: Path
    scratch: Path
    is_timed: bool = True

    @property
    def keras_file(self) -> Path:
        """The float model."""
        return self.folder / f"{self.name}.keras"

    @property
    def kind(self) -> Any:
        """Type of the samples: float pixels from 0 to 255, or letters' numbers."""
        return np.int32 if self.name in _LETTERS else np.float32

    @cached_property
    def images(self) -> NDArray[Any]:
        """The 10,000 test samples."""
        return self._array("x_test").astype(self.kind)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The test samples' classes."""
        return self._array("y_test").astype(np.int64)

    @cached_property
    def calibration(self) -> NDArray[Any]:
        """Training samples for subjects that observe ranges."""
        return self._array("x_train")[:CALIBRATION_SAMPLES].astype(self.kind)

    @property
    def weights(self) -> list[NDArray[np.float32]]:
        """All weights, in Keras' order."""
        with np.load(self.folder / f"{self.name}.npz") as stored:
            return [stored[key] for key in stored.files]

    def keras_2(self, keras: Any) -> Any:
        """Build the model again in Keras 2, with the same weights."""
        chain = json.loads((self.folder / f"{self.name}.json").read_text("utf-8"))
        shape = self.images.shape[1:]
        model = keras.Sequential([keras.layers.InputLayer(shape)])
        for kind, settings in chain:
            model.add(getattr(keras.layers, kind)(**settings))
        model.set_weights(self.weights)
        return model

    def _array(self, key: str) -> NDArray[np.uint8]:
        with np.load(self.data) as arrays:
            return arrays[key]


def prepare(folder: Path, names: Sequence[str]) -> None:
    """Make the models' files that are not there yet; needs the workbench.

    Args:
        folder: Where they go.
        names: Of the models.
    """
    from workbench import demo
    from workbench.bench.baseline import bench_model

    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        target = folder / f"{name}.keras"
        if (folder / f"{name}.json").exists():
            continue
        path, data = demo.paths(name if name in demo.names() else "cnn")
        if name in demo.names():
            shutil.copy(path, target)
        else:
            bench_model(data).save(target)
        describe(target)


def describe(path: Path) -> None:
    """Write weights and layers beside a ``.keras`` file."""
    import keras

    model: Any = keras.saving.load_model(path, compile=False)
    layers = [one for one in model.layers if type(one).__name__ != "InputLayer"]
    weights = [values for layer in layers for values in layer.get_weights()]
    numbered = {f"{place:03}": values for place, values in enumerate(weights)}
    np.savez(path.with_suffix(".npz"), allow_pickle=False, **numbered)
    chain = [(type(layer).__name__, _settings(layer.get_config())) for layer in layers]
    path.with_suffix(".json").write_text(json.dumps(chain, indent=1), "utf-8")


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    return {key: config[key] for key in _SETTINGS if key in config}
