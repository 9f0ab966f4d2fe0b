"""TFMOT's pruning and clustering without the fine-tuning that it is meant for.

It needs Keras 2. A change is scored in Keras; the file that is shipped is a dynamic
range ``.tflite``, whose size its guides take after compression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.peers.litert import Runner
from benchmarks.peers.measuring import BATCHES, Answer, Setting, accuracy_of, fastest

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers.inputs import Inputs

SPARSITIES = (0.5, 0.8)
CLUSTERS = (16, 32)


def settings(inputs: Inputs) -> list[Setting]:
    """Pruning to two sparsities, clustering to two numbers of centroids."""
    import tf_keras

    original = inputs.keras_2(tf_keras)
    score = _scoring(inputs, tf_keras)
    makers = {f"{level:.0%} pruned": (_pruned, level) for level in SPARSITIES}
    makers |= {f"{count} clusters": (_clustered, count) for count in CLUSTERS}

    def setting(name: str) -> Setting:
        way, value = makers[name]
        return Setting(
            name,
            lambda: score(way(original, value)),
            lambda: _file(inputs, way(original, value)),
            is_timed=value in (SPARSITIES[0], CLUSTERS[0]),
            note="without fine-tuning",
        )

    return [setting(name) for name in makers]


def _scoring(inputs: Inputs, keras: Any) -> Callable[[Any], Answer]:
    """Scores weights in a model that is traced already, at its best batch size."""
    scorer = inputs.keras_2(keras)

    def predict(batch: int) -> Any:
        return scorer.predict(inputs.images, batch_size=batch, verbose=0)

    batch = fastest(inputs, predict, BATCHES)

    def score(model: Any) -> Answer:
        scorer.set_weights(model.get_weights())
        return Answer(accuracy_of(predict(batch), inputs.labels))

    return score


def _file(inputs: Inputs, model: Any) -> Answer:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    content = bytes(converter.convert())
    return Answer(Runner(inputs).score(content, BATCHES[0]), content)


def _pruned(original: Any, sparsity: float) -> Any:
    """Masked as by its first training step, without the step."""
    import tensorflow_model_optimization as tfmot

    pruning = tfmot.sparsity.keras
    schedule = pruning.ConstantSparsity(sparsity, 0, frequency=1)
    model = _wrapped(
        original,
        lambda layer: pruning.prune_low_magnitude(layer, pruning_schedule=schedule),
    )
    for layer in model.layers:
        if hasattr(layer, "pruning_obj"):
            layer.pruning_step.assign(1)
            layer.pruning_obj.conditional_mask_update()
            layer.pruning_obj.weight_mask_op()
    return pruning.strip_pruning(model)


def _clustered(original: Any, count: int) -> Any:
    import tensorflow_model_optimization as tfmot

    clustering = tfmot.clustering.keras
    init = clustering.CentroidInitialization.KMEANS_PLUS_PLUS
    model = _wrapped(
        original, lambda layer: clustering.cluster_weights(layer, count, init)
    )
    return clustering.strip_clustering(model)


def _wrapped(original: Any, wrap: Callable[[Any], Any]) -> Any:
    """A copy with its kernels' layers wrapped; it refuses some of the others."""
    import tf_keras

    kinds = tf_keras.layers
    treated = (kinds.Conv2D, kinds.Dense, kinds.LSTM, kinds.Embedding)

    def change(layer: Any) -> Any:
        return wrap(layer) if isinstance(layer, treated) else layer

    # Wrapping keeps a layer's own variables, which pruning then changes.
    copy = tf_keras.models.clone_model(original)
    copy.set_weights(original.get_weights())
    return tf_keras.models.clone_model(copy, clone_function=change)
