"""Texts become the same numbers as in Keras's TextVectorization, which the service doesn't need to predict."""

from itertools import product
from typing import Any

import keras
import numpy as np
import pytest

from models.preprocessing.table_input import PostedTable
from models.preprocessing.text_input import TextInput
from models.text_options import TextOptions
from models.values.columns import Texts

LEARNED = [
    "The film, the FILM!", "", "Ärger über ÄÖÜ – «naïve» café\u00a0x", "a\tb\nc\x0bd\x0ce\rf\x1cg  h",
    "don't stop; e-mail: me@x.com #1 [UNK] unk", "日本語 テキスト 日本語", "\u2003em space\u2003", "x x x y y z",
    "İstanbul ß", "👍🏽 ok 👍🏽",
]  # fmt: skip
OTHERS = ["unseen words only", "the unseen film", "!!! ???", "[UNK]", " "]
MODES = [("int", 12), ("int", 1000), ("multi_hot", 12), ("count", 1000), ("tf_idf", 40)]


@pytest.mark.parametrize("standardize", [None, "lower", "strip_punctuation", "lower_and_strip_punctuation"])
def test_texts_become_the_numbers_that_keras_makes_of_them(standardize: str | None) -> None:
    for split, ngrams, (mode, tokens) in product(["whitespace", "character"], [None, 3], MODES):
        options: dict[str, Any] = {
            "max_tokens": tokens, "standardize": standardize, "split": split, "ngrams": ngrams, "output_mode": mode,
        }  # fmt: skip
        length = 7 if mode == "int" else None
        layer = keras.layers.TextVectorization(
            **options, output_sequence_length=length, pad_to_max_tokens=mode != "int"
        )
        layer.adapt(LEARNED)
        ours = TextOptions.from_document({"column": "review", "length": length, **options})
        fitted = TextInput.fit(ours, [Texts.of(LEARNED[:4]), Texts.of(LEARNED[4:])], PostedTable())
        read = TextInput.from_document(fitted.to_document())

        assert list(read.vocabulary) == layer.get_vocabulary(include_special_tokens=False), options
        texts = [*LEARNED, *OTHERS]
        expected = np.asarray(layer(np.array(texts, object)))
        np.testing.assert_allclose(read.transform({"review": Texts.of(texts)}), expected, rtol=1e-6)


def test_a_missing_text_is_an_empty_one() -> None:
    options = TextOptions("review", 5, length=2)
    fitted = TextInput.fit(options, [Texts.of(["a b", None, "a"])], PostedTable())
    assert fitted.transform({"review": Texts.of([None, "b a a"])}).tolist() == [[0, 0], [3, 2]]
