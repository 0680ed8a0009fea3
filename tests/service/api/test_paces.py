"""Which predictions are expected to be fast enough for the event loop."""

import pytest

from models.allowance import Allowance
from service.api.front.inference import INLINE_SECONDS, Pace, is_plain
from service.api.front.request import Request
from service.api.inference.open_inference import Infer
from service.api.inference.open_inference_request import HEADER_LENGTH_KEY
from service.api.inference.plane import InferenceRequest
from service.operations.memory import Memory


def test_many_rows_are_unusual_although_one_padded_row_was_fast() -> None:
    pace = Pace()
    for size in (100, 2**20):
        pace.note(size, 0.0002)
        pace.note_smallest(size)
    for _ in range(100):
        pace.note(2**20, 0.0002)
    assert pace.expect(30_000) < INLINE_SECONDS
    assert not pace.is_usual(30_000)
    assert pace.is_usual(500)


@pytest.mark.parametrize("headers", [{}, {HEADER_LENGTH_KEY: "200012"}])
def test_a_large_body_is_not_parsed_in_the_event_loop_to_find_its_variant(headers: dict[str, str]) -> None:
    body = b'{"variant":[' + b"0," * 100_000
    request = InferenceRequest(None, body, headers, {}, Allowance())
    assert Infer(100).aim(request, quickly=True) is None


def test_refusals_say_nothing_about_how_long_predictions_take() -> None:
    pace = Pace()
    pace.note(500, 2.0)
    for _ in range(200):
        pace.note_failed(500, 0.0001)
    assert pace.expect(500) > INLINE_SECONDS
    pace.note_failed(500, 4.0)
    assert pace.expect(500) > 3


@pytest.mark.parametrize(
    ("content_type", "body", "plain"),
    [
        (b"application/json", b'{"instances": [[1], ["\\n"]]}', True),
        (b"application/json", b'{"instances": [{"b64": ""}]}', False),
        (b"application/json", b'{"instances": [{"b\\u00364": ""}]}', False),
        (b"Image/webp", b"RIFF", False),
        (b"MULTIPART/form-data", b"", False),
    ],
)
def test_a_body_that_may_have_an_image_is_not_plain(content_type: bytes, body: bytes, plain: bool) -> None:
    scope = {"method": "POST", "path": "/", "headers": [(b"content-type", content_type)]}

    async def receive() -> dict[str, object]:
        return {}

    assert is_plain(Request(scope, receive, Memory(0)), body) == plain
