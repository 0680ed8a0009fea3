"""Checks the inputs of a posted network that take texts of a dataset."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.dataset_descriptor import DatasetDescriptor
from models.errors import Fault
from models.text_options import OutputMode

LEAST_TOKENS, MOST_TOKENS = 3, 1_000_000
MOST_LENGTH = 100_000
MOST_NGRAMS = 10


def find_text_faults(options: Mapping[str, Any], descriptor: DatasetDescriptor, pointer: str) -> Iterator[Fault]:
    """The faults of the options at `pointer`, whose types and ranges have been checked, for a dataset."""
    problem = find_text_problem(options["column"], descriptor)
    if problem:
        texts = tuple(entry.name for entry in descriptor.inputs if entry.type == "text")
        yield Fault(f"The dataset {problem}.", f"{pointer}/column", allowed=texts)
    is_int = options.get("output_mode", OutputMode.INT) == OutputMode.INT
    if is_int and options.get("length") is None:
        detail = "The output mode `int` requires a `length`: the number of token ids of a row."
        yield Fault(detail, f"{pointer}/length")
    if not is_int and options.get("length") is not None:
        detail = (
            f"`length` is for the output mode `int`; with `{options['output_mode']}` a row has `max_tokens` numbers."
        )
        yield Fault(detail, f"{pointer}/length")


def find_text_problem(column: str, descriptor: DatasetDescriptor) -> str | None:
    """Why a dataset doesn't have this column of texts, as the end of a sentence; None if it has."""
    if not descriptor.is_table:
        return f'isn\'t a table, so it has no column "{column}" of texts'
    to_text = f'set "types" to {{"{column}": "text"}} when you create the dataset'
    for entry in descriptor.inputs:
        if entry.name == column:
            return (
                None if entry.type == "text" else f'has a {entry.type} column "{column}": to use it as text, {to_text}'
            )
    for left_out in descriptor.left_out or ():
        if left_out.name == column and left_out.reason == "text":
            return f'was imported by an earlier release, which left the text column "{column}" out: create it again'
        if left_out.name == column:
            return f'left the column "{column}" out ({left_out.detail.rstrip(".")}): to use it as text, {to_text}'
    if descriptor.target.name == column:
        return f'has the column "{column}" as its target, which can\'t be an input'
    return f'has no column "{column}"'
