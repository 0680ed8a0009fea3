"""What schemathesis is kept from while it tests the service."""

from typing import Any

import schemathesis

SHORT_WAIT = "wait=1"


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Let no request wait for long: of those that ask for it, the service would grant each a minute."""
    if "wait=" in case.headers.get("Prefer", ""):
        case.headers["Prefer"] = SHORT_WAIT
