"""Pictures: their forms, their ETags, and the process that draws them."""

import io
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest
from PIL import Image

from service.api.pictures.drawer import Drawer
from service.api.pictures.store import Pictures
from service.config import Settings
from service.errors import NotDrawable, Overloaded, PictureTimeout
from tests.service.api.api_client import ApiClient
from tests.service.api.shared_routes import shared_drawer

PATH = "/v1/activation-types/relu/curve"
SVG = "image/svg+xml"
DOCUMENT = {"title": "A title", "description": "A sentence.", "type": "relu", "x": [0], "y": [0], "derivative": [0]}
OF_CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
OF_FIREFOX = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
OF_AN_OLDER_FIREFOX = "image/avif,image/webp,*/*"


def describe(**options: object) -> bytes:
    """A request to the process that draws."""
    return orjson.dumps({"kind": "activation", "document": DOCUMENT, **options})


@pytest.fixture(scope="module")
def drawer() -> Iterator[Drawer]:
    """A drawer with a process of its own, which tests may kill, and little memory."""
    settings = replace(Settings(), picture_seconds=20, picture_memory_bytes=300 * 2**20)
    drawer = Drawer(settings, most_waiting=2)
    yield drawer
    drawer.close()


@pytest.mark.parametrize("accept", [None, "*/*", "image/*", SVG, OF_CHROME, OF_FIREFOX, OF_AN_OLDER_FIREFOX])
def test_a_picture_is_svg_for_browsers_and_curl(api: ApiClient, accept: str | None) -> None:
    response = api.send("GET", PATH, 200, headers={"Accept": accept} if accept else {})
    root = ElementTree.fromstring(response.data)
    assert (response.mimetype, root.get("width"), root.get("height")) == (SVG, "640", "400")
    assert root.find("{http://www.w3.org/2000/svg}title").text == "relu"  # type: ignore[union-attr]
    assert "script-src" not in response.headers["Content-Security-Policy"]
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert {"Accept", "Accept-Encoding"} <= set(response.headers["Vary"].split(", "))


def test_a_picture_is_png_or_json_if_the_client_says_so(api: ApiClient) -> None:
    for query, accept in (("?width=320&height=200", "image/png"), ("?width=320&height=200&format=png", SVG)):
        response = api.send("GET", f"{PATH}{query}", 200, headers={"Accept": accept})
        with Image.open(io.BytesIO(response.data)) as image:
            assert (response.mimetype, image.format, image.size) == ("image/png", "PNG", (320, 200))
    for path, accept in ((PATH, "application/json, */*;q=0.1"), (f"{PATH}?format=json", "image/png")):
        document = api.get(path, Accept=accept)
        assert (document["title"], document["type"], len(document["x"])) == ("relu", "relu", len(document["y"]))


def test_json_is_indented_on_request(api: ApiClient) -> None:
    assert api.send("GET", f"{PATH}?format=json&pretty=true", 200).text.startswith('{\n  "title": "relu"')
    assert api.send("GET", f"{PATH}?pretty=true", 200).mimetype == SVG


def test_a_client_that_accepts_no_form_gets_a_406_that_names_them(api: ApiClient) -> None:
    problem = api.get(PATH, 406, Accept="text/html")
    assert problem["detail"] == (
        "The picture is only available as image/svg+xml or image/png, and its numbers as application/json."
    )


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("width=159", '"width" must be an integer between 160 and 2,400.'),
        ("width=2401", '"width" must be an integer between 160 and 2,400.'),
        ("height=1e3", '"height" must be an integer between 120 and 2,400.'),
        ("theme=blue", '"theme" must be one of light, dark.'),
        ("format=gif", '"format" must be one of svg, png, json.'),
    ],
)
def test_an_invalid_size_theme_or_format_is_a_400(api: ApiClient, query: str, detail: str) -> None:
    problem = api.get(f"{PATH}?{query}", 400)
    assert problem["detail"] == detail
    assert problem["errors"][0]["parameter"] == query.partition("=")[0]


def test_themes_sizes_and_formats_have_etags_of_their_own(api: ApiClient) -> None:
    queries = ("", "?theme=dark", "?width=320", "?format=png", "?format=json")
    tags = [api.send("GET", f"{PATH}{query}", 200).headers["ETag"] for query in queries]
    assert len(set(tags)) == len(queries)
    assert tags == [api.send("GET", f"{PATH}{query}", 200).headers["ETag"] for query in queries]
    assert not any(tag.startswith("W/") for tag in tags)


def test_a_picture_that_the_client_has_is_not_drawn_again(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for accepted in ("identity", "gzip"):
        tag = api.send("GET", PATH, 200, headers={"Accept-Encoding": accepted}).headers["ETag"]
        with monkeypatch.context() as patched:
            patched.setattr(Pictures, "get", None)
            headers = {"If-None-Match": f'"other", {tag}', "Accept-Encoding": accepted}
            response = api.send("GET", PATH, 304, headers=headers)
        assert (response.data, response.headers["ETag"]) == (b"", tag)


def test_head_has_the_headers_of_get(api: ApiClient) -> None:
    head, get = (api.send(method, PATH, 200) for method in ("HEAD", "GET"))
    assert head.data == b""
    assert head.headers["Content-Length"] == str(len(get.data))
    for name in ("Content-Type", "ETag", "Vary", "Content-Security-Policy"):
        assert head.headers[name] == get.headers[name]


def test_an_svg_is_compressed_for_clients_that_accept_it(api: ApiClient) -> None:
    compressed = api.send("GET", PATH, 200, headers={"Accept-Encoding": "gzip"})
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert len(compressed.data) < len(api.send("GET", PATH, 200).data) / 2


def test_a_kept_picture_is_not_drawn_again(api: ApiClient) -> None:
    api.send("GET", f"{PATH}?width=333", 200)
    drawn = _drawings(shared_drawer())
    api.send("GET", f"{PATH}?width=333", 200)
    assert _drawings(shared_drawer()) == drawn


def test_concurrent_requests_for_a_picture_share_it(drawer: Drawer) -> None:
    drawer.draw(describe()).result()
    before = _drawings(drawer)
    pictures = Pictures(drawer)
    found = [pictures.get("tag", describe()) for _ in range(8)]
    assert {picture.result()[:4] for picture in found} == {b"<svg"}
    assert _drawings(drawer) == before + 1


def test_many_clients_wait_for_pictures_without_a_thread(api: ApiClient) -> None:
    statuses: list[int] = []

    def get(width: int) -> None:
        statuses.append(api.http.get(f"{PATH}?width={width}").status_code)

    clients = [threading.Thread(target=get, args=(200 + index,)) for index in range(16)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert statuses == [200] * 16


def test_a_killed_process_is_replaced(drawer: Drawer) -> None:
    first = drawer.draw(describe()).result()
    assert drawer.process is not None
    os.kill(drawer.process.pid, signal.SIGKILL)
    assert drawer.draw(describe()).result() == first


def test_a_picture_that_takes_too_long_is_given_up_and_the_next_one_is_drawn(drawer: Drawer) -> None:
    drawer.draw(describe()).result()
    process = drawer.process
    assert process is not None
    process.seconds = 0.2
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(PictureTimeout, match=r"takes more than 0\.2 s"):
        drawer.draw(describe()).result()
    assert drawer.draw(describe()).result().startswith(b"<svg")


def test_a_full_disk_is_a_503_until_there_is_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawer = Drawer(Settings())
    with monkeypatch.context() as full:
        full.setattr(tempfile, "tempdir", str(tmp_path / "full"))
        with pytest.raises(Overloaded, match="can't start"):
            drawer.draw(describe()).result()
    assert drawer.draw(describe()).result().startswith(b"<svg")
    drawer.close()


def test_a_picture_that_needs_too_much_memory_is_refused(drawer: Drawer) -> None:
    enormous = [0] * 5_000_000
    request = orjson.dumps({"kind": "activation", "document": DOCUMENT | {"x": enormous, "y": enormous}})
    with pytest.raises(NotDrawable):
        drawer.draw(request).result()
    assert drawer.draw(describe()).result().startswith(b"<svg")


def test_numbers_that_cannot_be_drawn_are_a_problem_of_their_own(drawer: Drawer) -> None:
    with pytest.raises(NotDrawable, match="available as JSON"):
        drawer.draw(orjson.dumps({"kind": "activation", "document": {}})).result()
    assert drawer.draw(describe()).result().startswith(b"<svg")


def test_a_picture_that_cannot_be_drawn_is_a_422(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.api.routes.activations.describe", lambda _: DOCUMENT | {"y": ["no number"]})
    problem = api.get(PATH, 422)
    assert problem["type"] == "/problems/not-drawable"
    assert api.get(PATH, 200, Accept="application/json")["y"] == ["no number"]


def test_requests_beyond_the_queue_are_refused_at_once(drawer: Drawer) -> None:
    drawer.draw(describe()).result()
    assert drawer.process is not None
    os.kill(drawer.process.pid, signal.SIGSTOP)
    waiting = [drawer.draw(describe(width=300 + index)) for index in range(2)]
    with pytest.raises(Overloaded) as refused:
        drawer.draw(describe())
    assert refused.value.retry_after
    os.kill(drawer.process.pid, signal.SIGCONT)
    assert [picture.result()[:4] for picture in waiting] == [b"<svg", b"<svg"]


def test_the_process_ends_when_nobody_asks_for_pictures() -> None:
    idle = Drawer(Settings(), idle_seconds=0.01)
    assert idle.draw(describe()).result().startswith(b"<svg")
    until = time.monotonic() + 30
    while idle.process is not None:
        assert time.monotonic() < until
        time.sleep(0.001)


def _drawings(drawer: Drawer) -> int:
    assert drawer.process is not None
    return drawer.process.drawings
