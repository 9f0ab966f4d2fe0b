"""Make the two data files of the demo.

    python -m workbench.demo.make_data --images FULLSET --words CMUDICT --out DIR

FULLSET is what `workbench data fashion-mnist` wrote; CMUDICT is the file
`cmudict.dict` of the CMU Pronouncing Dictionary. The same inputs and seed give the
same bytes with the same NumPy and zlib.
"""

import argparse
import re
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.demo import class_names

ALPHABET = " abcdefghijklmnopqrstuvwxyz"
LONGEST_WORD = 16
MOST_SYLLABLES = 6
IMAGES_PER_CLASS = 1_800
TEST_WORDS = 10_000

Arrays = dict[str, NDArray[np.uint8]]


def image_subset(full: Arrays, seed: int) -> Arrays:
    """Keep the whole test set and equally many training images of every class.

    Args:
        full: Fashion-MNIST, `x_*` of shape `(n, 28, 28, 1)`, `y_*` of shape `(n,)`.
        seed: Draws which training images stay; they keep their order.

    Returns:
        `x_train`, `y_train`, `x_test`, `y_test`, uint8.
    """
    rng = np.random.default_rng(seed)
    labels = full["y_train"]
    kept = np.sort(
        np.concatenate(
            [
                rng.choice(np.flatnonzero(labels == label), IMAGES_PER_CLASS, False)
                for label in np.unique(labels)
            ]
        )
    )
    return full | {"x_train": full["x_train"][kept], "y_train": labels[kept]}


def spellings(dictionary: str) -> dict[str, int]:
    """Count the syllables of every word whose pronunciations agree about them.

    A syllable is a phone with a stress digit (`AH0`, `EY1`, ...). Only words of 2 to
    16 letters a-z with 1 to 6 syllables stay: no names of symbols, no possessives,
    which would repeat the word that they come from.

    Args:
        dictionary: Text of `cmudict.dict`: one `word PHONE PHONE ... # comment` a
            line, further pronunciations as `word(2)`.

    Returns:
        Number of syllables by word, in alphabetical order.
    """
    counts: dict[str, set[int]] = {}
    for line in dictionary.splitlines():
        entry, *phones = line.partition("#")[0].split() or [""]
        word = re.sub(r"\(\d+\)$", "", entry)
        syllables = sum(phone[-1].isdigit() for phone in phones)
        counts.setdefault(word, set()).add(syllables)
    return {
        word: max(found)
        for word, found in sorted(counts.items())
        if re.fullmatch(rf"[a-z]{{2,{LONGEST_WORD}}}", word)
        and len(found) == 1
        and 1 <= max(found) <= MOST_SYLLABLES
    }


def word_arrays(counts: dict[str, int], test: int, seed: int) -> Arrays:
    """Write words as letters' numbers, padded on the left, and split them.

    Padding on the left lets the last step of a recurrent net see the last letter
    without a mask, which not every runtime knows.

    Args:
        counts: Number of syllables by word.
        test: How many words, drawn at random, are for testing.
        seed: Draws the split and the order.

    Returns:
        `x_*` of shape `(n, 16)`, 0 for padding and 1 to 26 for a to z; `y_*` of
        shape `(n,)`, the number of syllables less one; uint8.
    """
    letters = np.array(
        [[ALPHABET.index(c) for c in word.rjust(LONGEST_WORD)] for word in counts],
        np.uint8,
    )
    labels = np.array(list(counts.values()), np.uint8) - np.uint8(1)
    order = np.random.default_rng(seed).permutation(len(labels))
    first, rest = order[:test], order[test:]
    return {
        "x_train": letters[rest],
        "y_train": labels[rest],
        "x_test": letters[first],
        "y_test": labels[first],
    }


def main() -> None:
    """Read the full sources, write `fashion_mnist.npz` and `syllables.npz`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--words", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    wish = parser.parse_args()
    with np.load(wish.images) as stored:
        full = {key: stored[key] for key in stored.files}
    images = image_subset(full, wish.seed)
    counts = spellings(wish.words.read_text(encoding="utf-8"))
    words = word_arrays(counts, TEST_WORDS, wish.seed)
    for demo, file, arrays in (
        ("cnn", "fashion_mnist.npz", images),
        ("lstm", "syllables.npz", words),
    ):
        arrays["class_names"] = np.array(class_names(demo))
        np.savez_compressed(wish.out / file, allow_pickle=False, **arrays)
        sizes = f"{len(arrays['y_train'])} train, {len(arrays['y_test'])} test"
        sys.stdout.write(f"{file}: {sizes}, {(wish.out / file).stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
