"""Which scope each route needs: the table that the front enforces and `openapi.yaml` shows."""

import re
from enum import Enum
from typing import NamedTuple

from service.api.http.links import METRICS
from service.callers import Scope

SAFE = ("GET", "HEAD", "OPTIONS")
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
ANY = (*SAFE, *CHANGING)


class Special(Enum):
    """What routes need that need no scope."""

    NOTHING = "nothing"
    """They are open to everybody."""
    ANY_KEY = "any key"
    ANY_CALLER = "any caller"
    """They answer everybody, and show what the caller may see: pages that ask for a key themselves."""


Needed = Scope | Special


class Rule(NamedTuple):
    """What the routes of some methods and paths need."""

    methods: tuple[str, ...]
    path: re.Pattern[str]
    needed: Needed


def _rule(methods: tuple[str, ...], path: str, needed: Needed) -> Rule:
    return Rule(methods, re.compile(path, re.DOTALL), needed)


ASKING = ("POST",)
"""The methods of rules for requests that need a body, but change nothing."""
RULES = (
    _rule(SAFE, r"/|/docs(/.*)?|/static/.*|/ui/assets/.*|/openapi\.(json|yaml)|/problems/.*", Special.NOTHING),
    _rule(SAFE, r"/healthz|/readyz|/v2/health/(live|ready)", Special.NOTHING),
    _rule(SAFE, r"/ui(/.*)?", Special.ANY_CALLER),
    _rule(ASKING, r"/ui/.*", Special.ANY_CALLER),
    _rule(SAFE, r"/v1/api-keys/current", Special.ANY_KEY),
    _rule(ANY, r"/v1/(api-keys|projects|audit-events)(/.*)?", Scope.ADMIN),
    _rule(SAFE, METRICS, Scope.READ),
    _rule(SAFE, r"/v1/.*|/v2(/.*)?", Scope.READ),
    _rule(ASKING, r"/v2/repository/index", Scope.READ),
    _rule(ASKING, r"/v2/models/.*/infer", Scope.PREDICT),
    _rule(ASKING, r"/v1/.*(/predictions|:(predict|classify|regress))", Scope.PREDICT),
    _rule(CHANGING, r"/v1/workers(/.*)?", Scope.ADMIN),
    _rule(CHANGING, r"/v1/batch-predictions(/.*)?", Scope.PREDICT),
    _rule(CHANGING, r"/v1/.*", Scope.TRAIN),
)
"""The first rule that matches applies. What matches none needs `admin`, so that nothing is open by mistake."""


def find_needed(method: str, path: str) -> Needed:
    """What a request needs."""
    rule = _find_rule(method, path)
    return Scope.ADMIN if rule is None else rule.needed


def is_changing(method: str, path: str) -> bool:
    """Whether a request may change something. Predictions don't, but batch predictions do."""
    rule = _find_rule(method, path) if method in CHANGING else None
    return rule is not None and rule.methods is not ASKING


def _find_rule(method: str, path: str) -> Rule | None:
    return next((rule for rule in RULES if method in rule.methods and rule.path.fullmatch(path)), None)
