"""Train the LSTM of the demo: from the spelling of a word to its syllables.

    python -m workbench.demo.make_recurrent --data SYLLABLES --out DIR --seed 0

SYLLABLES is the packaged `syllables.npz`, written by `make_data`. The cell: Hochreiter
and Schmidhuber 1997.
"""

import keras
from keras import layers

from workbench.demo.make_data import ALPHABET, LONGEST_WORD, MOST_SYLLABLES
from workbench.demo.training import Schedule, load, read_wish, save, train


def build() -> keras.Model:
    """Return the untrained net; it takes letters' numbers, 0 for padding.

    The sixteen steps are unrolled: the converted model is then made of plain matrix
    products, which integer runtimes know, and not of a loop.
    """
    letters = keras.Input((LONGEST_WORD,), dtype="int32", name="letters")
    x = layers.Embedding(len(ALPHABET), 32, name="embedding")(letters)
    x = layers.LSTM(104, unroll=True, name="lstm")(x)
    scores = layers.Dense(MOST_SYLLABLES, "softmax", name="scores")(x)
    return keras.Model(letters, scores, name="lstm")


def main() -> None:
    """Train, test, save."""
    wish = read_wish(epochs=12)
    data = load(wish.data)
    model = build()
    schedule = Schedule(wish.epochs, batch=256, rate=4e-3, decay=0.01, smoothing=0.05)
    train(model, data, schedule, wish.seed)
    save(model, data, wish)


if __name__ == "__main__":
    main()
