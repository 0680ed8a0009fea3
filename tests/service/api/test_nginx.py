"""The example of nginx: TLS, a prefix, uploads, streams, waits and predictions through it, as a client sees them."""

import getpass
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from fitserve_client import Client
from fitserve_client.connection import RequestFailed
from fitserve_client.following import follow
from tests.journeys.specs import LINE, LINE_DATASET
from tests.nginx_proxy import NGINX
from tests.running_service import ROOT, free_port, wait_for
from tests.service.api.api_client import TRAINING
from tests.service.api.api_server import Server, running_api
from tests.service.api.fake_worker import FakeWorker

EXAMPLE = ROOT / "deploy" / "nginx" / "fitserve.conf"
OPENSSL = shutil.which("openssl")
MAIN = """
daemon off;
user {user};
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/responses;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/fitserve.conf;
}}
"""
CLIENT_BYTES = 3_000_000
"""More than nginx accepts by default."""

pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="nginx isn't installed"),
    pytest.mark.skipif(OPENSSL is None, reason="openssl isn't installed"),
]


@dataclass
class Proxied:
    """An api behind nginx."""

    server: Server
    url: str
    """The URL of the service at the proxy, with its prefix."""
    plain_url: str
    """The URL of the port without TLS."""
    certificate: str

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, self.url + path, verify=self.certificate, timeout=90, **options)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    settings = {"trusted_proxies": "127.0.0.1", "allowed_hosts": "localhost,127.0.0.1"}
    with running_api(tmp_path_factory.mktemp("api"), **settings, max_streams_per_address=2) as server:
        plain, secure = free_port(), free_port()
        certificate = make_certificate(folder)
        text = EXAMPLE.read_text()
        for example, ours in (
            ("server 127.0.0.1:8000", f"server 127.0.0.1:{server.address[1]}"),
            ("listen 80;", f"listen 127.0.0.1:{plain};"),
            ("listen 443 ssl", f"listen 127.0.0.1:{secure} ssl"),
            ("https://$host$", f"https://$host:{secure}$"),
            ("fitserve.example.org", "localhost"),
            ("/etc/ssl/fitserve/fullchain.pem", certificate),
            ("/etc/ssl/fitserve/privkey.pem", str(folder / "key.pem")),
        ):
            assert example in text
            text = text.replace(example, ours)
        (folder / "fitserve.conf").write_text(text)
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=getpass.getuser()))
        command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        nginx = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        proxied = Proxied(server, f"https://localhost:{secure}/fitserve", f"http://localhost:{plain}", certificate)
        try:
            wait_for(lambda: _answers(nginx, proxied), what="nginx to answer")
            yield proxied
        finally:
            nginx.terminate()
            nginx.communicate(timeout=15)


def make_certificate(folder: Path) -> str:
    """A certificate for localhost, which nginx and clients read."""
    certificate = folder / "certificate.pem"
    subprocess.run(
        [
            str(OPENSSL), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", str(folder / "key.pem"), "-out", str(certificate),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return str(certificate)


def _answers(nginx: subprocess.Popen[str], proxied: Proxied) -> bool:
    assert nginx.poll() is None, nginx.stderr.read() if nginx.stderr else ""
    try:
        return proxied.request("GET", "/readyz").status_code == 200
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def line(proxied: Proxied) -> Proxied:
    """With a trained model `line`, which was made through the proxy."""
    with FakeWorker(proxied.server.context):
        for path, body in (("/v1/datasets", LINE_DATASET), ("/v1/models", LINE), ("/v1/training-jobs", TRAINING)):
            made = proxied.request("POST", path, json=body, headers={"Prefer": "wait=60"})
            assert made.status_code == 201, made.text
            assert made.headers["Location"].startswith(f"/fitserve{path}/")
    return proxied


def test_pages_work_below_the_prefix(proxied: Proxied) -> None:
    base = proxied.url.removesuffix("/fitserve")
    for path in ("/", "/docs"):
        page = proxied.request("GET", path, headers={"Accept": "text/html"})
        assert page.status_code == 200
        links = [part.partition('"')[0] for name in ("href=", "src=") for part in page.text.split(f'{name}"')[1:]]
        found = [requests.get(base + link, verify=proxied.certificate, timeout=30) for link in links if link[0] == "/"]
        assert len(found) > 1
        assert [response.url for response in found if response.status_code != 200] == []
    assert proxied.request("GET", "").url == f"{proxied.url}/"
    assert proxied.request("GET", "/openapi.json").json()["servers"][0]["url"] == "/fitserve"


def test_the_port_without_tls_leads_to_the_other(proxied: Proxied) -> None:
    moved = requests.post(f"{proxied.plain_url}/fitserve/v1/models", allow_redirects=False, timeout=30)
    assert (moved.status_code, moved.headers["Location"]) == (308, f"{proxied.url}/v1/models")


def test_a_client_cannot_claim_another_address_host_or_prefix(proxied: Proxied) -> None:
    claimed = {"X-Forwarded-For": "203.0.113.1", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
    response = proxied.request("GET", "/v1/models/none", headers={**claimed, "Forwarded": "for=203.0.113.1;host=evil"})
    assert response.status_code == 404
    assert response.json()["instance"] == "/fitserve/v1/models/none"


def test_a_large_upload_passes_and_a_too_large_one_gets_fitserves_own_answer(line: Proxied) -> None:
    rows = "x,y\n" + "1.0000000000,2.0000000000\n" * (CLIENT_BYTES // 26)
    form = {"files": {"file": ("rows.csv", rows.encode())}, "data": {"name": "uploaded", "target": "y"}}
    uploaded = line.request("POST", "/v1/datasets", headers={"Prefer": "wait=0"}, **form)
    assert uploaded.status_code == 202, uploaded.text
    spaces = b" " * CLIENT_BYTES
    refused = line.request("POST", "/v1/models", data=spaces, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["type"]) == (413, "/fitserve/problems/body-too-large")


def test_lists_predictions_and_links_work_with_the_client_at_the_prefix(
    line: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", line.certificate)
    with Client(line.url) as client:
        assert client.predict("line", [1.0])["predictions"]
        page = line.request("GET", "/v1/models/line/versions").json()
        assert page["items"][0]["links"]["self"] == "/fitserve/v1/models/line/versions/1"
        assert [model["name"] for model in client.models.list()] == ["line"]


def test_a_client_is_told_when_its_url_is_the_one_without_tls(line: Proxied) -> None:
    with Client(f"{line.plain_url}/fitserve") as client, pytest.raises(RequestFailed, match="redirects to https://"):
        client.predict("line", [1.0])


def test_events_arrive_one_by_one_and_a_wait_lasts_as_long_as_it_must(
    line: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = line.server.context
    job: Any = line.request("POST", "/v1/training-jobs", json=TRAINING).json()
    worker = FakeWorker(context)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", line.certificate)
    with Client(line.url) as client:
        events = follow(client.connection, client.connection.path_of(job["links"]["events"]), timeout=60)
        assert next(events).type == "transition"
        claimed = worker.claim("training")
        assert claimed is not None
        assert next(events).data["status"] == "running"
        for epoch in (1, 2):
            worker.record_epochs(claimed[0], epoch, epoch, 3)
            # The epoch is here before the next one is recorded.
            assert next(events).data["epoch"] == epoch
        waited: list[Any] = []
        path = f"/v1/training-jobs/{job['id']}"
        waiting = threading.Thread(
            target=lambda: waited.append(line.request("GET", path, headers={"Prefer": "wait=60"}).json())
        )
        waiting.start()
        worker.finish(*claimed)
        waiting.join()
        assert waited[0]["status"] == "succeeded"
        assert [event.final for event in events][-1]
