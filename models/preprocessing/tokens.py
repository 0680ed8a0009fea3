"""Splits texts into tokens and learns a vocabulary, exactly as Keras's TextVectorization does, without TensorFlow.

Tokens are bytes of UTF-8: Keras's operations on texts work on bytes, and know only the letters, the punctuation and the
white space of ASCII.
"""

import heapq
import string
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from models.text_options import OutputMode, Standardize, TextOptions, TextSplit

PUNCTUATION = string.punctuation.encode()
LOWERED = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
STANDARDIZE: dict[Standardize | None, Callable[[bytes], bytes]] = {
    None: lambda text: text,
    Standardize.LOWER: bytes.lower,
    Standardize.STRIP_PUNCTUATION: lambda text: text.translate(None, PUNCTUATION),
    Standardize.LOWER_AND_STRIP_PUNCTUATION: lambda text: text.translate(LOWERED, PUNCTUATION),
}
SPECIAL = (b"", b"[UNK]")
"""How Keras names padding and unknown tokens: texts that contain these names don't make them tokens."""


def find_tokens(text: str, options: TextOptions) -> list[bytes]:
    """The tokens of a text, in order; with n-grams all single tokens first, then all pairs, and so on."""
    data = STANDARDIZE[options.standardize](text.encode(errors="replace"))
    tokens = data.split() if options.split is TextSplit.WHITESPACE else [one.encode() for one in data.decode()]
    if options.ngrams is None:
        return tokens
    return [
        b" ".join(tokens[start : start + width])
        for width in range(1, options.ngrams + 1)
        for start in range(len(tokens) - width + 1)
    ]


@dataclass
class TokenCounts:
    """How often each token occurs in the texts seen so far, and in how many of these texts."""

    options: TextOptions
    texts: int = 0
    tokens: Counter[bytes] = field(default_factory=Counter)
    documents: Counter[bytes] = field(default_factory=Counter)
    """Only counted for TF-IDF."""

    def add(self, texts: Iterable[str | None]) -> None:
        """Count the tokens of texts; a missing text is an empty one."""
        self.tokens.update(chain.from_iterable(map(self._note, texts)))

    def _note(self, text: str | None) -> list[bytes]:
        """The tokens of a text that is counted."""
        tokens = find_tokens(text or "", self.options)
        self.texts += 1
        if self.options.output_mode is OutputMode.TF_IDF:
            self.documents.update(set(tokens))
        return tokens

    def most_frequent(self) -> list[bytes]:
        """The vocabulary: the most frequent tokens first; of equally frequent ones the last in the alphabet first."""
        known = ((count, token) for token, count in self.tokens.items() if token not in SPECIAL)
        most = self.options.max_tokens - self.options.unknown - 1
        return [token for _, token in heapq.nlargest(most, known)]

    def inverse_frequencies(self, vocabulary: Sequence[bytes]) -> np.ndarray:
        """log(1 + texts / (1 + texts with the token)) for each token, float32, after their mean for unknown tokens."""
        occurring = np.array([self.documents[token] for token in vocabulary], np.float64)
        weights = np.log(1 + self.texts / (1 + occurring)).astype(np.float32)
        return np.concatenate([weights.mean(keepdims=True), weights]) if len(weights) else np.ones(1, np.float32)
