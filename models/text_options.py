"""How a text becomes numbers, as in Keras's TextVectorization: the options of an input that takes a column of texts."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class Standardize(StrEnum):
    """What happens to a text before it is split. Only the ASCII letters become lower case, as in Keras."""

    LOWER_AND_STRIP_PUNCTUATION = "lower_and_strip_punctuation"
    LOWER = "lower"
    STRIP_PUNCTUATION = "strip_punctuation"


class TextSplit(StrEnum):
    """What the tokens of a text are."""

    WHITESPACE = "whitespace"
    CHARACTER = "character"


class OutputMode(StrEnum):
    """The numbers that stand for a text: the ids of its tokens in order, or one number per token of the vocabulary."""

    INT = "int"
    MULTI_HOT = "multi_hot"
    COUNT = "count"
    TF_IDF = "tf_idf"


@dataclass(frozen=True)
class TextOptions:
    """The options of a text input, under Keras's names; `length` is Keras's `output_sequence_length`."""

    column: str
    """The table's column of texts."""
    max_tokens: int
    """The size of the vocabulary, including the ids of padding (only for `int`) and of unknown tokens."""
    length: int | None = None
    """The number of ids of a row: longer texts are cut, shorter ones padded with 0. Only for `int`."""
    standardize: Standardize | None = Standardize.LOWER_AND_STRIP_PUNCTUATION
    split: TextSplit = TextSplit.WHITESPACE
    ngrams: int | None = None
    """Tokens are also all sequences of 2 to this many neighbouring tokens."""
    output_mode: OutputMode = OutputMode.INT

    @property
    def shape(self) -> tuple[int]:
        """The shape of a row in the network's input."""
        return (self.max_tokens if self.length is None else self.length,)

    @property
    def unknown(self) -> int:
        """The id of tokens that aren't in the vocabulary. The ids of the vocabulary's tokens follow it."""
        return 1 if self.output_mode is OutputMode.INT else 0

    def to_document(self) -> dict[str, Any]:
        document = asdict(self)
        return document if self.length is not None else {name: document[name] for name in document if name != "length"}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Read a document that find_text_faults has accepted."""
        standardize = document.get("standardize", Standardize.LOWER_AND_STRIP_PUNCTUATION)
        return cls(
            document["column"],
            document["max_tokens"],
            document.get("length"),
            None if standardize is None else Standardize(standardize),
            TextSplit(document.get("split", TextSplit.WHITESPACE)),
            document.get("ngrams"),
            OutputMode(document.get("output_mode", OutputMode.INT)),
        )
