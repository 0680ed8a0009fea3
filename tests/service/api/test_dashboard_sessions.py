"""The dashboard's session: a key in a cookie, which counts only for reads and for changes from the dashboard itself."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from service.context import Context
from tests.running_service import wait_for
from tests.service.api.front_client import FrontClient
from tests.service.api.keys import Keys, id_of
from tests.service.api.shared_routes import make_front

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
OLD_BROWSER = {"Origin": "http://localhost"}
DATASET = {"name": "few", "source": "inline", "inputs": [[1], [2]], "targets": [[1], [2]]}


class Browser:
    """A browser, which keeps cookies and sends them without being asked."""

    def __init__(self, context: Context) -> None:
        self._client = FrontClient(make_front(context))

    def get(self, path: str) -> TestResponse:
        return self._client.open(path)

    def submit(self, path: str, **fields: str) -> TestResponse:
        return self._client.open(path, method="POST", data=fields, headers=OWN_PAGE)

    def post(self, path: str, document: Any, **headers: str) -> TestResponse:
        return self._client.open(path, method="POST", json=document, headers=headers)

    def cookie(self, name: str) -> Any:
        return self._client.get_cookie(name)


@pytest.fixture
def browser(context: Context) -> Browser:
    return Browser(context)


def test_without_keys_everybody_sees_the_pages(browser: Browser) -> None:
    assert "The service has no API keys" in browser.get("/ui").text
    assert browser.get("/ui/sign-in").headers["Location"] == "/ui"


def test_with_keys_a_page_asks_for_one_and_then_shows_itself(browser: Browser, of: Keys) -> None:
    asked = browser.get("/ui/demonstrations?x=1")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/ui/sign-in?next=%2Fui%2Fdemonstrations%3Fx%3D1")
    assert "API key" in browser.get(asked.headers["Location"]).text
    signed = browser.submit("/ui/sign-in", key=of.make("read"), next="/ui/demonstrations?x=1")
    assert (signed.status_code, signed.headers["Location"]) == (303, "/ui/demonstrations?x=1")
    cookie = browser.cookie("fitserve_session")
    assert (cookie.http_only, cookie.same_site, cookie.path, cookie.max_age) == (True, "Lax", "/", None)
    assert browser.get("/ui/demonstrations").status_code == 200
    assert browser.get("/v1/models").status_code == 200
    assert browser.submit("/ui/sign-out").headers["Location"] == "/ui/sign-in"
    assert browser.get("/v1/models").status_code == 401


@pytest.mark.parametrize(
    "wanted",
    ["https://example.org", "//example.org", "/uix", "/v1/models", "\\ui", "/ui/\r\nSet-Cookie: x=y", "/ui/\0"],
)
def test_signing_in_leads_to_pages_of_the_dashboard_alone(browser: Browser, of: Keys, wanted: str) -> None:
    assert browser.submit("/ui/sign-in", key=of.make("read"), next=wanted).headers["Location"] == "/ui"


def test_a_key_that_can_not_read_pages_is_refused_with_the_reason(browser: Browser, of: Keys) -> None:
    unknown = browser.submit("/ui/sign-in", key=f"{of.admin[:-4]}0000")
    assert unknown.status_code == 401
    assert "The API key is unknown." in unknown.text
    blind = browser.submit("/ui/sign-in", key=of.make("predict"))
    assert blind.status_code == 403
    assert "Its scopes: predict." in blind.text
    assert browser.cookie("fitserve_session") is None


def test_the_cookie_counts_for_changes_only_from_the_own_pages(browser: Browser, of: Keys) -> None:
    browser.submit("/ui/sign-in", key=of.make("train"))
    for foreign in (
        {}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "same-site", **OLD_BROWSER}, {"Origin": "null-and-void"},
    ):  # fmt: skip
        assert browser.post("/v1/datasets", DATASET, **foreign).status_code in (401, 403), foreign
    assert browser.post("/v1/datasets", DATASET, Prefer="wait=0", **OWN_PAGE).status_code == 202
    assert browser.post("/v1/datasets", DATASET, **OLD_BROWSER).status_code == 409


@pytest.mark.parametrize(
    "foreign", [{"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost:3000"}]
)
def test_other_pages_of_the_same_host_can_not_change_the_session(
    browser: Browser, of: Keys, foreign: dict[str, str]
) -> None:
    of.make_project("vision")
    browser.submit("/ui/sign-in", key=of.admin)
    before = browser.cookie("fitserve_session").value
    for path, fields in (
        ("sign-in", {"key": of.make("train")}),
        ("project", {"project": "vision"}),
        ("sign-out", {}),
    ):
        refused = browser._client.open(f"/ui/{path}", method="POST", data=fields, headers=foreign)
        assert (refused.status_code, (refused.json or {}).get("type")) == (403, "/problems/cross-site-request"), path
    assert browser.cookie("fitserve_session").value == before


def test_the_cookie_counts_besides_what_a_proxy_has_checked(browser: Browser, of: Keys) -> None:
    browser.submit("/ui/sign-in", key=of.make("read"))
    by_proxy = {"Authorization": "Basic dTpw"}
    assert browser._client.open("/ui", headers=by_proxy).status_code == 200
    assert browser._client.open("/v1/models", headers=by_proxy).status_code == 200
    assert browser._client.open("/v1/models", headers={"Authorization": "Bearer"}).status_code == 401


def test_no_proxy_keeps_what_a_cookie_shows(browser: Browser, of: Keys) -> None:
    browser.submit("/ui/sign-in", key=of.make("read"))
    page, picture = browser.get("/ui"), browser.get("/v1/activation-types/relu/curve")
    assert "Cookie" in page.headers["Vary"]
    for shown in (page, picture):
        assert shown.headers["Cache-Control"] == "private, no-cache"
    tag = picture.headers["ETag"]
    known = browser._client.open("/v1/activation-types/relu/curve", headers={"If-None-Match": tag})
    assert (known.status_code, known.headers["Cache-Control"]) == (304, "private, no-cache")


def test_a_key_in_the_header_overrides_the_cookie(browser: Browser, of: Keys) -> None:
    reader = of.make("read")
    browser.submit("/ui/sign-in", key=of.make("train"))
    shown = browser._client.open("/v1/api-keys/current", headers={"Authorization": f"Bearer {reader}"}).json
    assert shown is not None
    assert shown["id"] == id_of(reader)


def test_a_revoked_key_asks_for_another_one(browser: Browser, of: Keys) -> None:
    key = of.make("read")
    browser.submit("/ui/sign-in", key=key)
    assert browser.get("/ui").status_code == 200
    of.send(of.admin, "DELETE", f"/v1/api-keys/{id_of(key)}", 204)
    wait_for(lambda: browser.get("/ui").status_code == 303, 5, "the key to be refused")


def test_what_a_key_does_not_allow_is_hidden_and_explained(browser: Browser, of: Keys) -> None:
    browser.submit("/ui/sign-in", key=of.make("read"))
    assert 'href="/ui/training-jobs/new"' not in browser.get("/ui").text
    assert "data-demonstration" not in browser.get("/ui/demonstrations").text
    assert "They need the scope train" in browser.get("/ui/key").text
    asked = browser.get("/ui/models/new")
    assert asked.headers["Location"] == "/ui/sign-in?next=%2Fui%2Fmodels%2Fnew"
    assert "The scopes of your key, read, don&#39;t allow" in browser.get(asked.headers["Location"]).text


def test_an_administrator_changes_the_project(browser: Browser, of: Keys) -> None:
    of.make_project("vision")
    browser.submit("/ui/sign-in", key=of.admin)
    assert "vision" in browser.get("/ui/key").text
    assert browser.submit("/ui/project", project="vision").headers["Location"] == "/ui"
    assert "Project vision." in browser.get("/ui").text
    unknown = browser.submit("/ui/project", project="audio")
    assert unknown.status_code == 403
    assert "There is no project &#34;audio&#34;." in unknown.text
    browser.submit("/ui/sign-in", key=of.make("read"))
    assert "Project default." in browser.get("/ui").text


def test_assets_are_kept_until_they_change(browser: Browser) -> None:
    page = browser.get("/ui").text
    url = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    sheet = browser.get(url)
    assert sheet.mimetype == "text/css"
    assert "immutable" in sheet.headers["Cache-Control"]
    old = browser.get(url.replace(url.split("/")[3], "000000000000"))
    assert (old.status_code, "immutable" in old.headers["Cache-Control"]) == (200, False)
    assert browser.get("/ui/assets/x/../../../templates/home.html").status_code == 404
