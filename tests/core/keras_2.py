"""Files as Keras 2 writes them."""

import json

import h5py


def write_keras_2(path, config, weights):
    """The file that Keras 2 writes: ``{layer: {weight name: values}}``."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.15.0"
        file.attrs["model_config"] = json.dumps(config).encode()
        root = file.create_group("model_weights")
        for layer, values in weights.items():
            group = root.create_group(layer)
            for name, array in values.items():
                group[name] = array


def entry(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, **config}}
