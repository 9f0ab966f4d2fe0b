"""What the three scripts that made the demo models share: data, training, record.

Hyperparameters and the kept epoch were chosen on a validation split of the training
data; the test set is read once, at the end.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Arrays = dict[str, NDArray[np.uint8]]
Augment = Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]

# Keras annotates arguments with the type of their default: verbose as text, a learning
# rate as a number only.
_QUIET: dict[str, Any] = {"verbose": 0}


@dataclass(frozen=True)
class Wish:
    """What the command line of a script asked for."""

    data: Path
    out: Path
    seed: int
    epochs: int


@dataclass(frozen=True)
class Schedule:
    """How a demo model is trained: AdamW, one warm-up epoch, then a cosine to zero.

    Attributes:
        epochs: Passes over the training data, at least 2.
        batch: Samples a step.
        rate: Highest learning rate.
        decay: Decoupled weight decay, of kernels only.
        smoothing: Label smoothing, in [0, 1).
    """

    epochs: int
    batch: int
    rate: float
    decay: float
    smoothing: float


def read_wish(epochs: int) -> Wish:
    """Read `--data --out --seed --epochs` and make the run repeatable.

    Args:
        epochs: Default of `--epochs`: what made the model that is shipped.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="training .npz file")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=epochs)
    wish = Wish(**vars(parser.parse_args()))
    keras.utils.set_random_seed(wish.seed)
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return wish


def load(path: Path) -> Arrays:
    """Read the four arrays of a data file."""
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files if name[1] == "_"}


def train(
    model: keras.Model,
    data: Arrays,
    schedule: Schedule,
    seed: int,
    augment: Augment | None = None,
) -> None:
    """Train on 11 of 12 training samples and keep the epoch best on the twelfth.

    Args:
        model: A classifier that ends in a softmax; trained in place.
        data: `x_train` and `y_train`, labels from 0.
        schedule: How long and how fast.
        seed: Of the split and of the augmentation.
        augment: Changes the inputs of each epoch; none if left out.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data["x_train"]))
    held, kept = np.split(order, [len(order) // 12])
    targets = keras.utils.to_categorical(data["y_train"], model.output_shape[-1])
    inputs = data["x_train"][kept]
    steps = -(-len(kept) // schedule.batch)
    optimizer = keras.optimizers.AdamW(
        _rates(schedule, steps), weight_decay=schedule.decay
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(label_smoothing=schedule.smoothing),
        metrics=["accuracy"],
        steps_per_execution=10,
    )
    best, weights = -1.0, model.get_weights()
    for epoch in range(schedule.epochs):
        history = model.fit(
            augment(inputs, rng) if augment else inputs,
            targets[kept],
            batch_size=schedule.batch,
            initial_epoch=epoch,
            epochs=epoch + 1,
            validation_data=(data["x_train"][held], targets[held]),
            validation_batch_size=500,
            **_QUIET,
        ).history
        score = history["val_accuracy"][0]
        say(f"epoch {epoch + 1}: loss {history['loss'][0]:.4f}, validation {score:.4f}")
        if score > best:
            best, weights = score, model.get_weights()
    model.set_weights(weights)


def save(model: keras.Model, data: Arrays, wish: Wish) -> None:
    """Test the model, write `NAME.keras` and its entry of `models.json`.

    The file carries loss and metric, but no optimizer state.

    Args:
        model: The trained model; its name is the file's.
        data: `x_test` and `y_test`.
        wish: Where to write, and what the record says.
    """
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    scores = model.predict(data["x_test"], batch_size=500, **_QUIET)
    right = int((scores.argmax(axis=1) == data["y_test"]).sum())
    file = wish.out / f"{model.name}.keras"
    model.save(file)
    entry = {
        "accuracy": right / len(scores),
        "tested": len(scores),
        "parameters": model.count_params(),
        "bytes": file.stat().st_size,
        "seed": wish.seed,
        "epochs": wish.epochs,
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
    }
    record = wish.out / "models.json"
    entries = json.loads(record.read_text("utf-8")) if record.exists() else {}
    entries[model.name] = entry
    text = json.dumps(dict(sorted(entries.items())), indent=2)
    record.write_text(text + "\n", "utf-8")
    say(json.dumps(entry))


def say(line: str) -> None:
    """Print one line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _rates(schedule: Schedule, steps: int) -> Any:
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=schedule.rate / 25,
        warmup_target=schedule.rate,
        warmup_steps=steps,
        decay_steps=(schedule.epochs - 1) * steps,
    )
