"""The names that clients and operators choose for datasets, models, labels, keys and projects."""

import re

LONGEST_NAME = 128
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}")
RESERVED_NAME = "stats"
NAME_RULE = f"must be 1 to {LONGEST_NAME} characters (A-Z, a-z, 0-9, `.`, `_`, `-`) and begin with a letter or digit"


def find_fault(name: str) -> str | None:
    """Why a name can't be chosen, as a predicate; None if it can."""
    if not NAME.fullmatch(name):
        return NAME_RULE
    return f'must not be "{RESERVED_NAME}"' if name == RESERVED_NAME else None
