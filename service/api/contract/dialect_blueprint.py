"""A blueprint for the routes of another protocol. They are documented, but ignore queries and content types."""

from collections.abc import Callable
from typing import Any

from flask import Response

from service.api.contract.blueprint import DocumentedBlueprint
from service.api.contract.schemas.base import Schema
from service.api.http.state import caller
from service.operations.inference.predictions import Wanted

CHOICES = {
    "": ("", "the version that the model serves"),
    "_version": ("/versions/<any_number:version>", "a version"),
    "_label": ("/labels/<label>", "the version that a label points to"),
}
"""How a path selects a version, by the suffix of the operation's name."""


class DialectBlueprint(DocumentedBlueprint):
    """The routes of another server's protocol."""

    def add_for_versions(
        self,
        path: str,
        handle: Callable[[Wanted], Response],
        *,
        name: str,
        summary: str,
        answer: type[Schema],
        documentation: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        labels: bool = True,
    ) -> None:
        """Add a route for each way to select a version, which replaces `{version}` in `path`.

        The method is POST if the `documentation` (an OpenAPI operation) has a `requestBody`, else GET. The way to
        select the version is appended to the `summary`. `headers` are those of the response, in OpenAPI's form.
        """
        operation = documentation or {}
        add = self.post if "requestBody" in operation else self.get
        for ending, (choice, words) in CHOICES.items():
            if labels or ending != "_label":
                handler = _handler(handle, f"{name}{ending}", f"{summary} {words}.")
                documented = self.response(200, answer, headers=headers)(self.doc(**operation)(handler))
                add(path.format(version=choice))(documented)


def _handler(handle: Callable[[Wanted], Response], name: str, summary: str) -> Callable[..., Response]:
    def handler(name: str, version: int | None = None, label: str | None = None) -> Response:
        return handle(Wanted(caller().project, name, version, label))

    handler.__name__, handler.__doc__ = name, summary
    return handler
