"""Writes a schema of several types as alternatives, one for each type: few generators know lists of types.

Where an object is described it is `oneOf`, of which OpenAPI Generator makes a union. Elsewhere it is `anyOf`, whose
values that generator's clients send as they are.
"""

from typing import Any

NULL = "null"
BOUNDS = ("format", "minimum", "maximum")
KEYWORDS = {
    "array": ("items", "minItems", "maxItems"),
    "boolean": (),
    "integer": BOUNDS,
    "number": BOUNDS,
    "object": ("properties", "required", "additionalProperties", "maxProperties"),
    "string": ("format", "pattern", "minLength", "maxLength"),
    NULL: (),
}
"""What is said about values of a type alone; everything else is said about the whole."""
LITERAL = ("default", "example", "examples", "value", "enum")
"""Members that hold values rather than schemas."""


def separate_types(node: Any) -> None:
    """Rewrite in place every schema in a part of the document that has several types besides null."""
    if isinstance(node, list):
        for child in node:
            separate_types(child)
    elif isinstance(node, dict):
        for name, child in node.items():
            if name not in LITERAL:
                separate_types(child)
        types = node.get("type")
        if isinstance(types, list) and len(set(types) - {NULL}) > 1:
            _separate(node, types)


def _separate(schema: dict[str, Any], types: list[str]) -> None:
    alternatives = [{"type": name} | {key: schema[key] for key in KEYWORDS[name] if key in schema} for name in types]
    union = "oneOf" if "properties" in schema else "anyOf"
    for key in ("type", *(key for name in types for key in KEYWORDS[name])):
        schema.pop(key, None)
    schema[union] = alternatives
