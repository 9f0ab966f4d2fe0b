"""Recipes and settings that no model can be compressed by."""

from tests.bad_inputs.spoiling import bad, compress, with_recipe


@bad("[0, 0.999]")
def too_sparse(good, at):
    return compress(good, at, "--sparsity", "2")


@bad("[0, 0.999]")
def sparsity_of_nan(good, at):
    return compress(good, at, "--sparsity", "nan")


@bad("must be a number")
def sparsity_in_words(good, at):
    return compress(good, at, "--sparsity", "half")


@bad("[2, 16]")
def one_bit(good, at):
    return compress(good, at, "--bits", "1")


@bad("whole number")
def half_a_bit(good, at):
    return compress(good, at, "--bits", "4.5")


@bad("minmax, mse")
def unknown_range(good, at):
    return compress(good, at, "--bits", "4", "--range", "best")


@bad("two faces")
def sparsity_and_threshold(good, at):
    return compress(good, at, "--sparsity", "0.5", "--threshold", "0.1")


@bad("seed")
def negative_seed(good, at):
    return compress(good, at, "--bits", "4", "--seed", "-1")


@bad("keras")
def unknown_format(good, at):
    return compress(good, at, "--bits", "8", "--formats", "keras,onyx")


@bad("--recipe FILE")
def nothing_to_do(good, at):
    return compress(good, at)


@bad("exclude each other")
def recipe_and_settings(good, at):
    return [*with_recipe(good, at, "version: 1\n"), "--bits", "8"]


@bad("training data")
def activations_without_training_data(good, at):
    return compress(good, at, "--activation-bits", "8", data=good.only_test)


@bad("training data")
def retraining_without_training_data(good, at):
    return compress(good, at, "--bits", "8", "--retrain", "1", data=good.only_test)


@bad("--retrain")
def learning_rate_alone(good, at):
    return compress(good, at, "--bits", "8", "--learning-rate", "0.01")


@bad("[1, 1000]")
def no_epochs(good, at):
    return compress(good, at, "--bits", "8", "--retrain", "0")


@bad("must be readable")
def no_such_recipe(good, at):
    return compress(good, at, "--recipe", at / "nothing.yaml")


@bad("newer workbench")
def recipe_of_a_later_version(good, at):
    return with_recipe(good, at, "version: 999\n")


@bad("version number")
def recipe_without_version(good, at):
    return with_recipe(good, at, "plans: []\n")


@bad("JSON or YAML")
def recipe_of_bad_yaml(good, at):
    return with_recipe(good, at, "version: [1\n")


@bad("JSON or YAML")
def recipe_of_bytes(good, at):
    (at / "recipe.yaml").write_bytes(b"\xff\xfe\x00")
    return compress(good, at, "--recipe", at / "recipe.yaml")


@bad("object with named fields")
def recipe_as_a_list(good, at):
    return with_recipe(good, at, "- version: 1\n")


@bad("must be a list")
def plans_as_an_object(good, at):
    return with_recipe(good, at, "version: 1\nplans: {}\n")


@bad("no method")
def unknown_step(good, at):
    return with_recipe(good, at, "version: 1\nplans: [{steps: [{step: magic}]}]\n")


@bad("no setting")
def unknown_knob(good, at):
    steps = "{step: uniform, width: 8}"
    return with_recipe(good, at, f"version: 1\nplans: [{{steps: [{steps}]}}]\n")


@bad("must lie in")
def knob_out_of_range(good, at):
    steps = "{step: uniform, bits: 99}"
    return with_recipe(good, at, f"version: 1\nplans: [{{steps: [{steps}]}}]\n")


@bad("no field")
def unknown_field(good, at):
    return with_recipe(good, at, "version: 1\nplan: []\n")


@bad("matches none")
def target_that_nothing_matches(good, at):
    plan = "{target: hiden/kernel, steps: [{step: uniform}]}"
    return with_recipe(good, at, f"version: 1\nplans: [{plan}]\n")


@bad("must come before")
def pruning_after_quantization(good, at):
    steps = "{step: uniform}, {step: magnitude, sparsity: 0.5}"
    return with_recipe(good, at, f"version: 1\nplans: [{{steps: [{steps}]}}]\n")


@bad("continues an earlier")
def recipe_that_goes_on(good, at):
    return with_recipe(good, at, "version: 1\nretraining: {start: latest}\n")
