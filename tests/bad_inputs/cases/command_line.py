"""Words that the command line does not know, and places it cannot write to."""

from tests.bad_inputs.spoiling import bad, compress, evaluate


@bad("--out DIR")
def no_out(good, at):
    return ["compress", good.model, "--data", good.data, "--bits", "8"]


@bad("--force")
def out_that_exists(good, at):
    (at / "out").mkdir()
    (at / "out" / "letter.txt").write_text("dear")
    return compress(good, at, "--bits", "8")


@bad("written by the workbench")
def foreign_out_by_force(good, at):
    (at / "out").mkdir()
    (at / "out" / "letter.txt").write_text("dear")
    return compress(good, at, "--bits", "8", "--force")


@bad("must be writable")
def out_below_a_file(good, at):
    (at / "file").write_text("no folder")
    return compress(good, at / "file", "--bits", "8")


@bad("must not exist")
def out_that_is_a_file(good, at):
    (at / "out").write_text("dear")
    return compress(good, at, "--bits", "8")


@bad("must be one of")
def unknown_command(good, at):
    return ["squeeze", good.model]


@bad("MODEL")
def no_model(good, at):
    return ["doctor"]


@bad("--bogus")
def unknown_option(good, at):
    return evaluate(good.model, good.data, "--bogus")


@bad("'again'")
def a_word_too_many(good, at):
    return evaluate(good.model, good.data, "again")


@bad("--data")
def option_without_value(good, at):
    return ["evaluate", good.model, "--data"]


@bad("--json")
def switch_with_value(good, at):
    return evaluate(good.model, good.data, "--json=yes")


@bad("limit")
def limit_of_none(good, at):
    return evaluate(good.model, good.data, "--limit", "0")


@bad("limit")
def limit_in_words(good, at):
    return evaluate(good.model, good.data, "--limit", "few")


@bad("en, zh")
def unknown_language(good, at):
    return ["doctor", good.model, "--lang", "tlh"]


@bad("[1, 65535]")
def port_out_of_range(good, at):
    return ["dashboard", "--port", "70000"]


@bad("[1, 65535]")
def port_in_words(good, at):
    return ["lab", "--port", "http"]


@bad("must exist")
def dashboard_without_its_model(good, at):
    return ["dashboard", at / "nothing.keras"]


@bad("with a model")
def dashboard_of_data_alone(good, at):
    return ["dashboard", "--data", good.data]


@bad("no benchmark")
def unknown_benchmark(good, at):
    return ["bench", "quick"]


@bad("fashion-mnist")
def unknown_data_set(good, at):
    return ["data", "imagenet"]


@bad("which is not there")
def folder_without_idx_files(good, at):
    return ["data", "fashion-mnist", "--folder", at, "--out", at / "full.npz"]
