"""Which scope each route needs: the table that the front enforces and `openapi.yaml` shows."""

import re
from enum import Enum
from typing import NamedTuple

from service.callers import Scope

SAFE = ("GET", "HEAD", "OPTIONS")
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
ANY = (*SAFE, *CHANGING)


class Special(Enum):
    """What routes need that need no scope."""

    NOTHING = "nothing"
    """They are open to everybody."""
    ANY_KEY = "any key"


Needed = Scope | Special


class Rule(NamedTuple):
    """What the routes of some methods and paths need."""

    methods: tuple[str, ...]
    path: re.Pattern[str]
    needed: Needed


def _rule(methods: tuple[str, ...], path: str, needed: Needed) -> Rule:
    return Rule(methods, re.compile(path, re.DOTALL), needed)


RULES = (
    _rule(SAFE, r"/|/docs(/.*)?|/static/.*|/openapi\.(json|yaml)|/problems/.*|/ui(/.*)?", Special.NOTHING),
    _rule(SAFE, r"/healthz|/readyz|/v2/health/(live|ready)", Special.NOTHING),
    _rule(SAFE, r"/v1/api-keys/current", Special.ANY_KEY),
    _rule(ANY, r"/v1/(api-keys|projects|audit-events)(/.*)?", Scope.ADMIN),
    _rule(SAFE, r"/metrics", Scope.READ),
    _rule(SAFE, r"/v1/.*|/v2(/.*)?", Scope.READ),
    _rule(("POST",), r"/v2/repository/index", Scope.READ),
    _rule(("POST",), r"/v2/models/.*/infer", Scope.PREDICT),
    _rule(("POST",), r"/v1/.*(/predictions|:(predict|classify|regress))", Scope.PREDICT),
    _rule(CHANGING, r"/v1/batch-predictions(/.*)?", Scope.PREDICT),
    _rule(CHANGING, r"/v1/.*", Scope.TRAIN),
)
"""The first rule that matches applies. What matches none needs `admin`, so that nothing is open by mistake."""


def find_needed(method: str, path: str) -> Needed:
    """What a request needs."""
    for rule in RULES:
        if method in rule.methods and rule.path.fullmatch(path):
            return rule.needed
    return Scope.ADMIN
