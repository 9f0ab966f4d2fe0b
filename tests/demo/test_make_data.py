"""The rules by which the packaged data were cut from their sources."""

import numpy as np

from workbench.demo.make_data import image_subset, spellings, word_arrays

DICTIONARY = """\
'bout B AW1 T
abandon AH0 B AE1 N D AH0 N
banana B AH0 N AE1 N AH0 # a fruit
every EH1 V ER0 IY0
every(2) EH1 V R IY0
a AH0
read R EH1 D
read(2) R IY1 D
shh SH
john's JH AA1 N Z
"""


def test_syllables_are_counted_where_pronunciations_agree() -> None:
    assert spellings(DICTIONARY) == {"abandon": 3, "banana": 3, "read": 1}


def test_words_are_padded_on_the_left_and_split() -> None:
    counts = {"abandon": 3, "banana": 3, "read": 1}
    arrays = word_arrays(counts, test=1, seed=0)
    assert arrays["x_train"].shape == (2, 16)
    assert arrays["x_test"].shape == (1, 16)
    rows = np.concatenate([arrays["x_train"], arrays["x_test"]]).tolist()
    labels = np.concatenate([arrays["y_train"], arrays["y_test"]]).tolist()
    assert [0] * 12 + [18, 5, 1, 4] in rows
    assert labels[rows.index([0] * 12 + [18, 5, 1, 4])] == 0
    assert sorted(labels) == [0, 2, 2]


def test_image_subset_is_stratified_and_keeps_the_test_set() -> None:
    labels = np.repeat(np.arange(2, dtype=np.uint8), 2_000)
    images = np.arange(4_000, dtype=np.uint16).astype(np.uint8).reshape(-1, 1, 1, 1)
    full = {"x_train": images, "y_train": labels, "x_test": images[:3]}
    full["y_test"] = labels[:3]
    subset = image_subset(full, seed=0)
    assert np.bincount(subset["y_train"]).tolist() == [1_800, 1_800]
    assert len(subset["x_train"]) == 3_600
    assert subset["x_test"] is full["x_test"]
    again = image_subset(full, seed=0)
    np.testing.assert_array_equal(again["x_train"], subset["x_train"])
