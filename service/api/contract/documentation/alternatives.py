"""Rewrites schemas with several types as alternatives of one type, because few generators support lists of types.

If one of the types is a described object, the alternatives are in `oneOf`, for which OpenAPI Generator generates a
union. Otherwise they are in `anyOf`, whose values the generated clients send unchanged.
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
"""The keywords that apply to one type; all others apply to the whole schema."""
LITERAL = ("default", "example", "examples", "value", "enum")
"""Keys whose content is a value, not a schema."""


def separate_types(node: Any) -> None:
    """Rewrite in place every schema below a node that has several types besides null."""
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
