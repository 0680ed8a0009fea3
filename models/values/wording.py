"""Counts and names in sentences."""

NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar", ":": "a colon", " ": "a space"}


def count_of(number: int, noun: str) -> str:
    """A count with its noun, in the singular or plural: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def name_character(character: str) -> str:
    """A delimiter in words."""
    return NAMES.get(character, f'"{character}"')
