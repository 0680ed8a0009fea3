"""flask-smorest blueprints with this service's conventions: strict bodies, uniform errors, lists and creations."""

from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any, NoReturn

import flask_smorest
import marshmallow
from flask import Request, Response, request
from webargs.flaskparser import FlaskParser

from models.errors import summarize
from service.api.contract.documentation.headers import refer
from service.api.contract.fields import LARGEST_INTEGER, TEXT_PATTERN
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.pictures import PictureQuery, PictureSchema
from service.api.contract.schemas.problems import DialectErrorSchema, ProblemSchema
from service.api.contract.schemas.shown import LARGEST_COUNT, Inner, Listing, Url
from service.api.http.bodies import no_content, read_json, refuse_other_types, write_json
from service.api.http.conditional import IF_MATCH, IF_NONE_MATCH, guarded, tagged
from service.api.http.errors import InvalidQuery, RequestFault
from service.api.http.event_ids import LAST_EVENT_ID
from service.api.http.faults import body_faults, query_faults
from service.api.http.handing_over import resumed
from service.api.http.idempotency import HEADER, KEY, claim_key, idempotent
from service.api.http.indentation import PARAMETER, may_indent
from service.api.http.media_types import EVENT_STREAM, FORM, JSON, PNG, SVG
from service.api.http.multipart import read_form
from service.api.http.negotiation import require_json
from service.api.http.paging import LARGEST_LIMIT, link_to_next, next_url
from service.api.http.repetition import repeated_if_aborted
from service.api.pictures.answers import Form, answer_picture
from service.errors import InvalidRequest

Handler = Callable[..., Any]
Decorator = Callable[[Handler], Handler]

RETRY_AFTER = {"Retry-After": "1"}
LOCATION_HEADER = refer("Location")
RETRY_AFTER_HEADER = refer("Retry-After")
LINK_HEADER = refer("Link")
FILE_HEADERS = refer("Accept-Ranges", "Content-Disposition")
BINARY = {"type": "string", "format": "binary", "maxLength": LARGEST_COUNT}
"""A file. The settings determine the size limit of files that clients send."""
TEXT = {"type": "string", "maxLength": LARGEST_INTEGER, "pattern": TEXT_PATTERN}
SVG_TEXT = {"type": "string", "maxLength": LARGEST_COUNT, "pattern": "^<svg "}
DOWNLOADED_ELSEWHERE = (
    "With S3 and FITSERVE_ARTIFACT_REDIRECTS: download the file from `Location`, a URL of the S3 bucket that needs no "
    "API key and is valid for 15 minutes."
)
PART_HEADERS = FILE_HEADERS | refer("Content-Range", "ETag")
IGNORES_QUERY = "ignores_query"
LONGEST_HEADER = 8190
"""Bytes of a header line, gunicorn's default. Longer ones get a 431."""


def _header_text(name: str) -> dict[str, Any]:
    return {"type": "string", "maxLength": LONGEST_HEADER - len(f"{name}: \r\n"), "pattern": TEXT_PATTERN}


IDEMPOTENCY_KEY = {
    "in": "header",
    "name": HEADER,
    "description": "Makes the request safe to retry. For 24 hours, the same request with the same key creates "
    "nothing more and gets the first response again, with `Idempotency-Replayed: true`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 512, "pattern": f"^({KEY.pattern})$"},
}
PREFER = {
    "in": "header",
    "name": "Prefer",
    "description": "`wait=N` waits at most N seconds; values above 60 count as 60. `respond-async` doesn't wait "
    "(RFC 7240).",
    "schema": _header_text("Prefer") | {"example": "wait=10"},
}
LAST_EVENT_ID_PARAMETER = {
    "in": "header",
    "name": LAST_EVENT_ID,
    "description": "For streams: the `id` of the last event that the client received. It overrides `after`.",
    "schema": {"type": "string", "maxLength": 18, "pattern": "^[0-9]*$"},
}
IF_NONE_MATCH_PARAMETER = {
    "in": "header",
    "name": IF_NONE_MATCH,
    "description": "The `ETag` of an earlier response. If it is still current, the response is 304.",
    "schema": _header_text(IF_NONE_MATCH),
}
IF_MATCH_PARAMETER = {
    "in": "header",
    "name": IF_MATCH,
    "description": "The `ETag` of the resource when you read it. If the resource has changed, the response is 412 "
    "and nothing changes.",
    "schema": _header_text(IF_MATCH),
}
RANGE_PARAMETER = {
    "in": "header",
    "name": "Range",
    "description": "A byte range of the file, such as `bytes=0-99` (RFC 9110). The response is then 206. Multiple "
    "ranges are ignored.",
    "schema": _header_text("Range"),
}
IF_RANGE_PARAMETER = {
    "in": "header",
    "name": "If-Range",
    "description": "The `ETag` of the file that you already have a part of. If the file has changed, the response "
    "is the whole file.",
    "schema": _header_text("If-Range"),
}


class Parser(FlaskParser):
    """Parses bodies and queries, and raises their faults as errors of this service."""

    DEFAULT_UNKNOWN_BY_LOCATION = dict.fromkeys(("json", "form", "query"), marshmallow.RAISE)

    def load_json(self, req: Request, schema: marshmallow.Schema) -> Any:
        document = read_json(req, holds_data=getattr(schema, "holds_data", False))
        claim_key(document)
        return document

    def load_form(self, req: Request, schema: marshmallow.Schema) -> Any:
        form = read_form(req)
        claim_key(form.fingerprint())
        return form.to_document(schema)

    def load_querystring(self, req: Request, schema: marshmallow.Schema) -> dict[str, str]:
        for name, values in req.args.lists():
            if len(values) > 1:
                detail = f'"{name}" was sent {len(values)} times; send it once.'
                raise InvalidQuery(detail, [RequestFault(detail, parameter=name)])
        query = req.args.to_dict()
        if may_indent(req.path):
            query.pop(PARAMETER, None)  # checked before every request
        return query

    def handle_error(
        self, error: marshmallow.ValidationError, req: Request, schema: marshmallow.Schema, **_: Any
    ) -> NoReturn:
        ((location, messages),) = error.messages_dict.items()
        if location == "query":
            faults = query_faults(messages, schema, error.data)
            raise InvalidQuery(summarize(faults), faults) from None
        faults = body_faults(messages, schema, error.data)
        if isinstance(schema, Schema) and isinstance(error.data, dict):
            valid = {name: value for name, value in error.data.items() if name not in messages}
            faults += schema.find_more_faults(valid)
        raise InvalidRequest(*faults) from None


class DocumentedBlueprint(flask_smorest.Blueprint):
    """Routes whose operation ids in the OpenAPI document are the names of their handlers."""

    def _store_endpoint_docs(self, endpoint: str, obj: Handler, parameters: Any, tags: Any, **options: Any) -> None:
        super()._store_endpoint_docs(endpoint, obj, parameters, tags, **options)
        for operation in self._docs[endpoint].values():
            if isinstance(operation, dict):
                operation.setdefault("manual_doc", {})["operationId"] = obj.__name__


class Blueprint(DocumentedBlueprint):
    """The routes of a kind of resource."""

    ARGUMENTS_PARSER = Parser()

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Handler | None = None, *args: Any, **options: Any
    ) -> None:
        """Register a handler with support for preconditions. A handler without a query refuses all parameters."""
        if view_func is not None and not (_takes_query(view_func) or hasattr(view_func, IGNORES_QUERY)):
            nothing = self.arguments(Schema, location="query", as_kwargs=True, error_status_code=400)
            view_func = nothing(view_func)
        methods = set(options.get("methods") or ())
        if view_func is not None and "GET" in methods:
            view_func = tagged(_document_parameter(view_func, IF_NONE_MATCH_PARAMETER))
        elif view_func is not None and methods & {"PATCH", "PUT", "DELETE"}:
            view_func = guarded(_document_parameter(view_func, IF_MATCH_PARAMETER))
        if view_func is not None and methods & {"POST", "PATCH", "PUT", "DELETE"}:
            view_func = repeated_if_aborted(view_func)
        super().add_url_rule(rule, endpoint, view_func, *args, **options)

    def ignores_query(self, handler: Handler) -> Handler:
        """Let any query pass: the handler answers clients of TensorFlow Serving, which ignores them, too."""
        setattr(handler, IGNORES_QUERY, True)
        return handler

    def query(self, schema: type[Schema]) -> Decorator:
        """Pass the parsed query to the handler; faults are 400."""
        parse: Decorator = self.arguments(schema, location="query", error_status_code=400)
        defaults = schema().load({})

        def decorate(handler: Handler) -> Handler:
            parsing = parse(handler)

            @wraps(parsing)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                if request.query_string:
                    return parsing(*args, **kwargs)
                return handler(*args, defaults, **kwargs)

            return wrapper

        return decorate

    def arguments_or_form(self, schema: type[Schema], form: type[Schema]) -> Decorator:
        """Pass the parsed body to the handler: JSON by one schema, or a form with files by the other."""

        def decorate(handler: Handler) -> Handler:
            from_json = self.arguments(schema)(handler)
            from_form = self.arguments(form, location="form")(handler)

            @wraps(from_json)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                refuse_other_types(request, JSON, FORM)
                return (from_form if request.mimetype == FORM else from_json)(*args, **kwargs)

            documented: Handler = self.doc(requestBody={"content": {FORM: {"schema": form}}})(wrapper)
            return documented

        return decorate

    def resource(self, schema: type[Schema], status: int = 200, headers: dict[str, Any] | None = None) -> Decorator:
        """Respond with a resource as JSON. Clients that don't accept JSON get a 406 before the handler runs."""
        respond = self.response(status, schema, headers=headers)

        def decorate(handler: Handler) -> Handler:
            @wraps(handler)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                require_json()
                return handler(*args, **kwargs)

            decorated: Handler = respond(wrapper)
            return decorated

        return decorate

    def creates(self, schema: type[Schema], *, saved: bool = True) -> Decorator:
        """Respond to a creating request, which may wait for what it creates.

        A response that has a secret isn't `saved`: a repeated request with its Idempotency-Key comes to the handler.
        """

        def decorate(handler: Handler) -> Handler:
            handler = _document_parameter(handler, PREFER, IDEMPOTENCY_KEY)
            headers = LOCATION_HEADER | RETRY_AFTER_HEADER
            handler = self.alt_response(
                202, schema=schema, description="Accepted, but not finished yet.", headers=headers
            )(handler)
            created: Handler = idempotent(self.resource(schema, 201, LOCATION_HEADER)(_resumable(handler)), saved=saved)
            return created

        return decorate

    def finds(self, schema: type[Schema]) -> Decorator:
        """Respond with a resource that may be unfinished, and for which the client may wait."""

        def decorate(handler: Handler) -> Handler:
            return self.resource(schema)(_resumable(_document_parameter(handler, PREFER)))

        return decorate

    def lists(self, schema: type[Schema]) -> Decorator:
        """Respond with the page that the handler returns."""
        item = schema()
        page_schema = AnswerSchema.from_dict(
            {
                "items": Listing("The items, in order.", Inner(schema, ""), LARGEST_LIMIT),
                "next": Url("The URL of the next page; null on the last page.", allow_none=True),
            },
            name=f"{schema.__name__.removesuffix('Schema')}PageSchema",
        )

        def decorate(handler: Handler) -> Handler:
            @wraps(handler)
            def wrapper(*args: Any, **kwargs: Any) -> Response:
                require_json()
                page = handler(*args, **kwargs)
                following = next_url(page)
                response = write_json({"items": item.dump(page.items, many=True), "next": following})
                response.headers.extend(link_to_next(following))
                return response

            documented: Handler = self.response(200, page_schema, headers=LINK_HEADER)(wrapper)
            return documented

        return decorate

    def picture(self, kind: str, schema: type[PictureSchema], query: type[PictureQuery] = PictureQuery) -> Decorator:
        """Respond with the picture of a kind that is drawn from the document that the handler returns.

        With a query of its own, which extends PictureQuery, the handler gets the parameters that it adds.
        """
        own = query().fields.keys() - PictureQuery().fields.keys()
        document = schema()

        def decorate(handler: Handler) -> Handler:
            @wraps(handler)
            def wrapper(asked: dict[str, Any], **path: Any) -> Response:
                form = Form.of(asked)
                parameters = [{name: asked[name] for name in own}] if own else []
                return answer_picture(kind, document.dump(handler(*parameters, **path)), form)

            as_svg = self.alt_response(200, schema=SVG_TEXT, content_type=SVG)
            as_png = self.alt_response(200, schema=BINARY, content_type=PNG)
            documented: Handler = self.response(200, schema)(as_png(as_svg(self.query(query)(wrapper))))
            return documented

        return decorate

    def downloads(self, *media_types: str, elsewhere: bool = False) -> Decorator:
        """Document that the handler sends a file of one of these types, whole or as a byte range; or tells from where
        `elsewhere` the client can download it."""
        redirect = self.alt_response(303, description=DOWNLOADED_ELSEWHERE, headers=LOCATION_HEADER | refer("ETag"))

        def decorate(handler: Handler) -> Handler:
            documented = _document_parameter(handler, RANGE_PARAMETER, IF_RANGE_PARAMETER)
            for media_type in media_types:
                whole = self.alt_response(200, schema=BINARY, content_type=media_type, headers=FILE_HEADERS)
                part = self.alt_response(206, schema=BINARY, content_type=media_type, headers=PART_HEADERS)
                documented = whole(part(documented))
            return redirect(documented) if elsewhere else documented

        return decorate

    def streams(self, data: type[Schema]) -> Decorator:
        """Document that the handler can also stream server-sent events with this schema of `data`."""
        # OpenAPI 3.1 has no schema for a stream's items: generators use the media type's schema for `data`.
        event_stream = self.alt_response(200, schema=data, content_type=EVENT_STREAM)
        nothing_more = self.alt_response(204, description="The job is final and has no more events: don't reconnect.")

        def decorate(handler: Handler) -> Handler:
            documented: Handler = event_stream(nothing_more(_document_parameter(handler, LAST_EVENT_ID_PARAMETER)))
            return documented

        return decorate

    def deletes(self, handler: Handler) -> Handler:
        """Respond with 204 after the handler returns."""

        @wraps(handler)
        def wrapper(*args: Any, **kwargs: Any) -> Response:
            handler(*args, **kwargs)
            return no_content()

        documented: Handler = self.response(204)(wrapper)
        return documented


class Api(flask_smorest.Api):
    """The documented api. error_handlers.py and problems.py define its errors."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Do nothing: error_handlers.py registers the handlers."""

    def _register_responses(self) -> None:
        """Register only the schemas of errors: documentation.errors defines the responses."""
        for name, schema in {"Problem": ProblemSchema, "DialectError": DialectErrorSchema}.items():
            self.spec.components.schema(name, schema=schema)


def _document_parameter(handler: Handler, *parameters: dict[str, Any]) -> Handler:
    documentation = deepcopy(getattr(handler, "_apidoc", {}))
    documentation.setdefault("arguments", {}).setdefault("parameters", []).extend(parameters)
    handler._apidoc = documentation  # type: ignore[attr-defined]
    return handler


def _resumable(handler: Handler) -> Handler:
    """Call the handler, or if the request's wait has ended, show what it waited for."""

    @wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        wait = resumed()
        return handler(*args, **kwargs) if wait is None else wait.show()

    return wrapper


def _takes_query(handler: Handler) -> bool:
    arguments = getattr(handler, "_apidoc", {}).get("arguments", {})
    return any(parameter["in"] == "query" for parameter in arguments.get("parameters", ()))


def created(resource: Any, location: str, *, finished: bool) -> tuple[Any, int, dict[str, str]]:
    """201 if the resource is finished, else 202 with `Retry-After`."""
    headers = {"Location": location}
    return (resource, 201, headers) if finished else (resource, 202, headers | RETRY_AFTER)


def found(resource: Any, *, finished: bool) -> tuple[Any, int, dict[str, str]]:
    """200, with `Retry-After` if the resource is unfinished."""
    return resource, 200, {} if finished else RETRY_AFTER
