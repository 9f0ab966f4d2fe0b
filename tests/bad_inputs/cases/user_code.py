"""Files with the user's code: layers, metrics, losses."""

from tests.bad_inputs.spoiling import bad, evaluate, with_code


@bad("Python file that exists")
def no_custom_objects(good, at):
    return evaluate(good.model, good.data, "--custom-objects", at / "nothing.py")


@bad("SyntaxError")
def custom_objects_with_a_slip(good, at):
    path = with_code(at, "def f(:\n")
    return evaluate(good.model, good.data, "--custom-objects", path)


@bad("Python file that exists")
def no_metric_file(good, at):
    return evaluate(good.model, good.data, "--metric", f"{at / 'nothing.py'}:f")


@bad("FILE.py:function")
def metric_by_name(good, at):
    return evaluate(good.model, good.data, "--metric", "f1")


@bad("must define g")
def no_such_metric(good, at):
    path = with_code(at, "def f(y_true, y_pred):\n    return y_true\n")
    return evaluate(good.model, good.data, "--metric", f"{path}:g")


@bad("one number for each sample")
def metric_of_wrong_shape(good, at):
    path = with_code(at, "def f(y_true, y_pred):\n    return 0.5\n")
    return evaluate(good.model, good.data, "--metric", f"{path}:f")


@bad("fails: KeyError")
def metric_that_raises(good, at):
    path = with_code(at, "def f(y_true, y_pred):\n    return {}['key']\n")
    return evaluate(good.model, good.data, "--metric", f"{path}:f")


@bad("finite numbers")
def metric_of_nan(good, at):
    text = "def f(y_true, y_pred):\n    return y_true * float('nan')\n"
    return evaluate(good.model, good.data, "--metric", f"{with_code(at, text)}:f")


@bad("loss")
def unknown_loss(good, at):
    return evaluate(good.model, good.data, "--loss", "nothing")
