"""How a client hears that a network's file can't be imported."""

from models.errors import Fault, InvalidSpec

FILE = "#/file"
LONGEST_NAME = 64


def refusal(detail: str, pointer: str = FILE) -> InvalidSpec:
    """The error for a file that can't be imported, or for a field that doesn't fit it."""
    return InvalidSpec(Fault(detail, pointer))


def shown(name: object) -> str:
    """A name from a file for use in a sentence: shortened, and without control characters."""
    return "".join(character if character.isprintable() else "\ufffd" for character in str(name)[:LONGEST_NAME])
