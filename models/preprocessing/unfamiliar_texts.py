"""What a network does without in the texts of training rows: for warnings."""

from collections.abc import Iterator

from models.dataset_descriptor import DatasetDescriptor
from models.datasets import Split
from models.preprocessing.dataset_inputs import text_columns
from models.preprocessing.preprocessing import Preprocessing
from models.preprocessing.text_input import TEXTS_AT_ONCE, TextInput
from models.preprocessing.tokens import find_tokens
from models.preprocessing.unfamiliar import Finding
from models.spec import NetworkSpec
from models.text_options import TextOptions

UNUSED_TEXT = "unused_text"
TRUNCATED = "truncated"
UNKNOWN_TOKENS = "unknown_tokens"


def find_unused_texts(spec: NetworkSpec, descriptor: DatasetDescriptor) -> Iterator[Finding]:
    """The columns of texts that no input of the network takes."""
    taken = {input_.text.column for input_ in spec.inputs.values() if input_.text is not None}
    unused = [name for name in text_columns(descriptor) if name not in taken]
    if unused:
        what = "column of texts isn't" if len(unused) == 1 else "columns of texts aren't"
        names = ", ".join(f'"{name}"' for name in unused[:20])
        use = f'{{"dataset": …, "text": {{"column": "{unused[0]}", "max_tokens": 10000, "length": 100}}}}'
        yield UNUSED_TEXT, f"This {what} used: {names}. To use one, create a model with an input {use}."


def find_lost_tokens(spec: NetworkSpec, kept: Preprocessing, split: Split) -> Iterator[Finding]:
    """The rows whose texts are longer than the network's input, and the tokens that a `kept` vocabulary lacks."""
    for name, input_ in spec.inputs.items():
        known = kept.inputs.get(name)
        if input_.text is not None:
            yield from _find_lost(input_.text, known if isinstance(known, TextInput) else None, split)


def _find_lost(options: TextOptions, kept: TextInput | None, split: Split) -> Iterator[Finding]:
    cut = unknown = total = 0
    for page in split.pages(TEXTS_AT_ONCE):
        for text in page.texts(options.column).tolist():
            tokens = find_tokens(text or "", options)
            cut += options.length is not None and len(tokens) > options.length
            total += len(tokens)
            unknown += 0 if kept is None else kept.count_unknown(tokens)
    if cut:
        detail = (
            f'{cut / len(split.rows):.2%} of the training rows ({cut:,}) have more tokens in "{options.column}" than'
        )
        yield TRUNCATED, f"{detail} the `length` {options.length:,}. The network gets the first ones."
    if unknown:
        detail = (
            f'{unknown / total:.2%} of the tokens in "{options.column}" ({unknown:,}) aren\'t in the vocabulary of the'
        )
        yield UNKNOWN_TOKENS, f'{detail} version. The network gets them as unknown. "refit" learns a new vocabulary.'
