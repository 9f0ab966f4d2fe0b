"""Read a folder of images by class.

Either ``FOLDER/test/CLASS/*.png``, with ``FOLDER/train/CLASS/*.png`` beside it where
there are training images, or ``FOLDER/CLASS/*.png``, which is test data: nothing would
tell which of those images the model was trained on.

Classes are numbered in the order of their names. Pixels stay 0 to 255, resized to the
model's input and made grey or coloured by its channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from workbench.core.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    import keras
    from numpy.typing import NDArray

LARGEST_FOLDER_BYTES = 4 << 30

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"})
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_PICTURE_AXES = 4


def read_folder(folder: Path, model: keras.Model) -> dict[str, NDArray[Any]]:
    """The arrays of a folder, ``class_names`` included.

    Args:
        folder: As above.
        model: Its single input says the size and the channels.

    Returns:
        ``x_test`` uint8 (n, height, width, channels), ``y_test`` (n,), ``class_names``,
        and ``x_train``, ``y_train`` where there are training images.

    Raises:
        UserError: If the model takes no pictures, or the folder holds none.
    """
    size = _picture_size(model)
    splits = [name for name in ("train", "test") if (folder / name).is_dir()]
    places = {name: folder / name for name in splits} or {"test": folder}
    classes = sorted({c.name for place in places.values() for c in _folders(place)})
    arrays: dict[str, NDArray[Any]] = {"class_names": np.array(classes)}
    for split, place in places.items():
        files = [
            (file, number)
            for number, name in enumerate(classes)
            for file in _images(place / name)
        ]
        if not files:
            raise UserError("open.no_images", path=place)
        if len(files) * int(np.prod(size)) > LARGEST_FOLDER_BYTES:
            gigabytes = LARGEST_FOLDER_BYTES >> 30
            raise UserError("open.folder_size", path=place, gigabytes=gigabytes)
        pixels = np.empty((len(files), *size), np.uint8)
        for row, (file, _) in enumerate(files):
            pixels[row] = _pixels(file, size)
        arrays[f"x_{split}"] = pixels
        arrays[f"y_{split}"] = np.array([number for _, number in files], np.int32)
    return arrays


def _picture_size(model: keras.Model) -> tuple[int, int, int]:
    """Height, width and channels of the model's input."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) == 1 and len(inputs[0].shape) == _PICTURE_AXES:
        _, height, width, channels = inputs[0].shape
        if height and width and channels in _MODES:
            return height, width, channels
    received = ", ".join(str(tuple(tensor.shape)) for tensor in inputs) or "-"
    raise UserError("open.no_pictures", received=received)


def _folders(place: Path) -> list[Path]:
    return [entry for entry in place.iterdir() if entry.is_dir()]


def _images(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted(f for f in place.iterdir() if f.suffix.lower() in _SUFFIXES)


def _pixels(file: Path, size: tuple[int, int, int]) -> NDArray[np.uint8]:
    height, width, channels = size
    try:
        with Image.open(file) as image:
            picture = image.convert(_MODES[channels])
            if picture.size != (width, height):
                picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise UserError("open.image", path=file) from error
    return np.asarray(picture, np.uint8).reshape(size)
