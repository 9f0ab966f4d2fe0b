"""Data that are damaged, or do not fit the model."""

import numpy as np
from PIL import Image

from tests.bad_inputs.spoiling import bad, evaluate, with_arrays


@bad("must exist")
def no_such_data(good, at):
    return evaluate(good.model, at / "nothing.npz")


@bad("--data")
def no_data(good, at):
    return ["evaluate", good.model]


@bad("must be an .npz file or a folder")
def data_of_another_kind(good, at):
    (at / "data.csv").write_text("1,2")
    return evaluate(good.model, at / "data.csv")


@bad("whole file")
def truncated_data(good, at):
    (at / "cut.npz").write_bytes(good.data.read_bytes()[:1000])
    return evaluate(good.model, at / "cut.npz")


@bad("not a zip file")
def text_named_npz(good, at):
    (at / "text.npz").write_text("1,2")
    return evaluate(good.model, at / "text.npz")


@bad("not a zip file")
def one_array_named_npz(good, at):
    with (at / "one.npz").open("wb") as file:
        np.save(file, good.arrays["x_test"])
    return evaluate(good.model, at / "one.npz")


@bad("must have the arrays")
def wrong_keys(good, at):
    np.savez(at / "keys.npz", images=good.arrays["x_test"])
    return evaluate(good.model, at / "keys.npz")


@bad("must have the arrays")
def labels_missing(good, at):
    return with_arrays(good, at, y_test=None)


@bad("as many samples")
def lengths_apart(good, at):
    return with_arrays(good, at, y_test=good.arrays["y_test"][:-1])


@bad("must have the shape")
def wrong_shape(good, at):
    return with_arrays(good, at, x_test=good.arrays["x_test"][:, :-1])


@bad("must have the shape")
def wrong_shape_of_training_data(good, at):
    return with_arrays(good, at, x_train=good.arrays["x_train"][:, :-1])


@bad("pickled")
def pickled_arrays(good, at):
    np.savez(at / "bad.npz", x_test=np.array([{}, []], object), allow_pickle=True)
    return evaluate(good.model, at / "bad.npz")


@bad("it holds text")
def words_as_data(good, at):
    return with_arrays(good, at, x_test=np.full((96, 12), "word"))


@bad("NaN or infinity")
def data_of_nan(good, at):
    x = good.arrays["x_test"]
    x[3, 4] = np.nan
    return with_arrays(good, at, x_test=x)


@bad("it is empty")
def empty_data(good, at):
    arrays = good.arrays
    empty = {name: arrays[name][:0] for name in ("x_test", "y_test")}
    return with_arrays(good, at, **empty)


@bad("must lie in [0, 2]")
def labels_out_of_range(good, at):
    return with_arrays(good, at, y_test=good.arrays["y_test"] + 1)


@bad("must lie in [0, 2]")
def negative_labels(good, at):
    return with_arrays(good, at, y_test=good.arrays["y_test"] - 1)


@bad("whole numbers")
def fractions_as_labels(good, at):
    return with_arrays(good, at, y_test=good.arrays["y_test"] + 0.5)


@bad("one-hot")
def one_hot_of_wrong_width(good, at):
    return with_arrays(good, at, y_test=np.eye(5)[good.arrays["y_test"]])


@bad("one form in training and test data")
def labels_of_two_forms(good, at):
    return with_arrays(good, at, y_test=np.eye(3)[good.arrays["y_test"]])


@bad("single 1")
def two_ones(good, at):
    return with_arrays(good, at, y_test=np.ones((96, 3), np.float32))


@bad("no image was found")
def folder_without_images(good, at):
    (at / "pictures" / "cats").mkdir(parents=True)
    return evaluate(good.pictures, at / "pictures")


@bad("must be an image")
def unreadable_image(good, at):
    for name in ("cats", "dogs"):
        (at / "pictures" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(at / "pictures" / name / "1.png")
    (at / "pictures" / "dogs" / "2.png").write_bytes(b"no picture")
    return evaluate(good.pictures, at / "pictures")


@bad("folder of images needs a model")
def images_for_a_model_of_numbers(good, at):
    (at / "pictures" / "cats").mkdir(parents=True)
    Image.new("L", (8, 8)).save(at / "pictures" / "cats" / "1.png")
    return evaluate(good.model, at / "pictures")
