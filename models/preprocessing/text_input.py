"""An input from a column of texts: the ids of a text's tokens, or one number per token of the vocabulary."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any, Self

import numpy as np

from models.dataset_descriptor import DatasetDescriptor
from models.memory import aligned_empty
from models.preprocessing.fitted_column import FittedColumn
from models.preprocessing.table_input import MAX_WARNINGS, PostedTable
from models.preprocessing.tokens import TokenCounts, find_tokens
from models.spec import InputSpec, Scaling
from models.text_options import OutputMode, TextOptions
from models.values.columns import ColumnValues, Texts
from models.values.tensors import Shape
from models.values.wording import count_of

TEXTS_AT_ONCE = 8192
"""Texts that are in memory at a time at most."""


@dataclass(frozen=True)
class TextInput:
    """Converts a column of texts to a network input with the vocabulary of the training rows."""

    options: TextOptions
    vocabulary: tuple[str, ...]
    """The tokens with an id of their own, in the order of the ids, without those of padding and unknown tokens."""
    weights: tuple[float, ...] = ()
    """For TF-IDF: the inverse frequency of unknown tokens and of each token of the vocabulary."""
    posted: PostedTable = field(default_factory=PostedTable)

    scaling = Scaling.NONE

    @classmethod
    def fit(cls, options: TextOptions, pages: Iterable[Texts], posted: PostedTable) -> Self:
        """Learn the vocabulary of the training rows, which come in pages."""
        counts = TokenCounts(options)
        for page in pages:
            counts.add(page.tolist())
        tokens = counts.most_frequent()
        weighted = options.output_mode is OutputMode.TF_IDF
        weights = tuple(counts.inverse_frequencies(tokens).tolist()) if weighted else ()
        return cls(options, tuple(token.decode() for token in tokens), weights, posted)

    def continued(self, table: Mapping[str, ColumnValues], descriptor: DatasetDescriptor) -> Self:
        """The input for a training that continues on the rows of another table, which has this column.

        The vocabulary stays. The other columns are those of the new table.
        """
        return replace(self, posted=PostedTable.of(descriptor, (self.column.to_column(),)))

    def complete(self, spec: InputSpec) -> InputSpec:
        """The input of a spec with the options of this one."""
        return replace(spec, text=self.options)

    @property
    def shape(self) -> Shape:
        return self.options.shape

    @property
    def column(self) -> FittedColumn:
        """The column as a part of posted rows."""
        return FittedColumn(self.options.column, "text")

    @cached_property
    def _ids(self) -> dict[bytes, int]:
        return {token.encode(): number for number, token in enumerate(self.vocabulary, self.options.unknown + 1)}

    @cached_property
    def _weights(self) -> np.ndarray:
        return np.asarray(self.weights, np.float32)

    def transform(self, table: Mapping[str, ColumnValues]) -> np.ndarray:
        """Raw columns by name as a network input: float32, (rows, *shape). Missing texts are empty ones."""
        texts = _texts_of(table[self.options.column])
        encoded = aligned_empty((len(texts), *self.shape), np.float32)
        encoded.fill(0)
        for row, text in zip(encoded, texts, strict=True):
            if text:
                self._encode(find_tokens(text, self.options), row)
        return encoded

    def _encode(self, tokens: list[bytes], row: np.ndarray) -> None:
        """Write the tokens into a row of zeros."""
        get, unknown = self._ids.get, self.options.unknown
        if self.options.output_mode is OutputMode.INT:
            ids = [get(token, unknown) for token in tokens[: self.options.length]]
            row[: len(ids)] = ids
            return
        counts = Counter(get(token, unknown) for token in tokens)
        ids = list(counts)
        row[ids] = 1 if self.options.output_mode is OutputMode.MULTI_HOT else list(counts.values())
        if self.weights:
            row[ids] *= self._weights[ids]

    def count_unknown(self, tokens: list[bytes]) -> int:
        """The number of tokens that the vocabulary doesn't have."""
        return sum(token not in self._ids for token in tokens)

    def find_warnings(self, table: Mapping[str, ColumnValues]) -> list[dict[str, Any]]:
        """At most 100 warnings about raw columns by name, sorted by row."""
        return list(islice(self._find_warnings(_texts_of(table[self.options.column])), MAX_WARNINGS))

    def _find_warnings(self, texts: Iterable[str | None]) -> Iterator[dict[str, Any]]:
        name, length = self.options.column, self.options.length
        for row, text in enumerate(texts):
            tokens = [] if text is None else find_tokens(text, self.options)
            if text is None:
                yield _warning(row, name, "missing", f'"{name}" is missing: an empty text is used.')
            elif self.count_unknown(tokens) == len(tokens):
                known = (
                    f"{count_of(len(tokens), 'token')}, none of which is in the vocabulary" if tokens else "no token"
                )
                yield _warning(row, name, "unknown_tokens", f'"{name}" has {known}.')
            if length is not None and len(tokens) > length:
                detail = f'"{name}" has {count_of(len(tokens), "token")}: the first {length:,} are used.'
                yield _warning(row, name, "truncated", detail)

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"type": "text", "shape": list(self.shape), "scaling": self.scaling.value}
        document |= {"text": self.options.to_document(), "vocabulary": list(self.vocabulary)}
        if self.weights:
            document["weights"] = list(self.weights)
        return document | {"posted": self.posted.to_document()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        return cls(
            TextOptions.from_document(document["text"]),
            tuple(document["vocabulary"]),
            tuple(document.get("weights", ())),
            PostedTable.from_document(document["posted"]),
        )


def _texts_of(values: ColumnValues) -> list[str | None]:
    assert isinstance(values, Texts)
    return values.tolist()


def _warning(row: int, column: str, kind: str, detail: str) -> dict[str, Any]:
    return {"row": row, "column": column, "type": kind, "detail": detail}
