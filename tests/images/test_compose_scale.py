"""What can be checked of deploy/compose/scale.yml without a container engine; nginx and the bucket are tried."""

import contextlib
import re
import runpy
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import yaml

from service.config import Settings
from service.environment import PREFIX
from tests.images.compose_files import COMPOSE, EXAMPLE, REQUIRED, SCALE, read
from tests.nginx_proxy import NGINX, NginxProxy
from tests.running_service import ROOT, free_port
from tests.s3_server import S3Server

FOLDER = ROOT / "deploy" / "compose" / "scale"
DOCUMENT = read(SCALE, REQUIRED)
SERVICES = DOCUMENT["services"]
OWN = ("api", "worker", "bucket")
"""The services whose images are Fitserve's."""


@pytest.mark.parametrize("name", sorted(REQUIRED.keys() - {"DATABASE_URL_FILE"}))
def test_there_is_no_default_password(name: str) -> None:
    assert EXAMPLE[name] == ""
    with pytest.raises(AssertionError, match=f"{name} is required: set it in .env"):
        read(SCALE, {key: value for key, value in REQUIRED.items() if key != name})


def test_images_of_others_have_a_full_version() -> None:
    images = {name: service["image"] for name, service in SERVICES.items() if name not in OWN}
    assert sorted(images) == ["grafana", "nginx", "postgresql", "prometheus", "redis", "s3"]
    assert [image for image in images.values() if not re.search(r"^docker\.io/\S+:v?\d+\.\d+[\w.-]*$", image)] == []
    assert SERVICES["bucket"]["image"] == read(COMPOSE, {})["services"]["api"]["image"]


def test_only_nginx_can_be_published_to_other_machines() -> None:
    published = read(SCALE, REQUIRED | {"PUBLISHED_ADDRESS": "0.0.0.0"})["services"]
    ports = {name: service["ports"] for name, service in published.items() if service.get("ports")}
    assert ports.pop("nginx") == ["0.0.0.0:8000:8080"]
    assert ports == {"prometheus": ["127.0.0.1:9090:9090"], "grafana": ["127.0.0.1:3000:3000"]}
    assert published["api"]["ports"] == []


def test_containers_of_others_are_confined_as_well() -> None:
    for name, service in SERVICES.items():
        if name in ("api", "worker"):
            continue
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert service["logging"]["options"]["max-size"], name


def test_images_that_start_as_root_are_given_their_user_or_may_become_it() -> None:
    users = {name: SERVICES[name]["user"] for name in SERVICES if "user" in SERVICES[name]}
    assert users == {"redis": "999:999", "s3": "1000:1000"}
    assert {"SETGID", "SETUID"} <= set(SERVICES["postgresql"]["cap_add"])


def test_what_is_mounted_exists() -> None:
    volumes = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
    files = {volume for volume in volumes if volume.startswith("./")}
    assert len(files) == 7
    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert set(volumes) - files == set(DOCUMENT["volumes"])


def test_everything_starts_after_what_it_needs() -> None:
    conditions = {
        "postgresql": "service_healthy",
        "bucket": "service_completed_successfully",
        "redis": "service_started",
    }
    for name in ("api", "worker"):
        needed = SERVICES[name]["depends_on"]
        assert {other: needed[other]["condition"] for other in needed} == conditions
    for name in ("postgresql", "redis", "s3", "nginx"):
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES["bucket"]["restart"] == "no"


def test_the_settings_are_valid_and_the_apis_trust_nginx_alone() -> None:
    environments = {name: SERVICES[name]["environment"] for name in ("api", "worker")}
    api, worker = (
        Settings.from_environment({key: value for key, value in environment.items() if key.startswith(PREFIX)})
        for environment in environments.values()
    )
    for settings in (api, worker):
        assert not settings.uses_sqlite
        assert not settings.has_local_artifacts
    assert api.database_url == worker.database_url
    assert api.broker_url == worker.broker_url == "redis://:redis-password@redis/0"
    assert "redis-password" in SERVICES["redis"]["command"]
    assert [str(network) for network in api.proxy_networks] == [
        SERVICES["nginx"]["networks"]["default"]["ipv4_address"] + "/32"
    ]
    assert api.metrics_open, "nginx refuses /metrics"


def test_grafana_reads_the_prometheus_that_scrapes_the_apis() -> None:
    (scrape,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    (discovery,) = scrape["dns_sd_configs"]
    assert (scrape["job_name"], discovery["names"], discovery["port"]) == ("fitserve", ["api"], 8000)
    (source,) = yaml.safe_load((FOLDER / "grafana-datasource.yml").read_text())["datasources"]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "http://prometheus:9090", True)
    (provider,) = yaml.safe_load((FOLDER / "grafana-dashboards.yml").read_text())["providers"]
    targets = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert f"{provider['options']['path']}/fitserve.json" in targets


def test_the_bucket_is_created_once(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["create_bucket.py", "of-compose"])
    for _ in range(2):
        runpy.run_path(str(FOLDER / "create_bucket.py"), run_name="__main__")
    assert s3.requests.count("PUT /of-compose") == 1
    assert capsys.readouterr().out == "The bucket of-compose exists.\n" * 2
    with s3.failing(status=403), pytest.raises(SystemExit, match=r"The bucket of-compose can't be used: .*403"):
        runpy.run_path(str(FOLDER / "create_bucket.py"), run_name="__main__")


class Api(BaseHTTPRequestHandler):
    """Answers with the headers that nginx sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = "\n".join(f"{name}: {value}" for name, value in self.headers.items()).encode()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""


@contextmanager
def running_api() -> Iterator[int]:
    """The port of an api."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as api:
        thread = threading.Thread(target=api.serve_forever, daemon=True)
        thread.start()
        yield api.server_port
        api.shutdown()
        thread.join()


@pytest.mark.skipif(NGINX is None, reason="nginx isn't installed")
def test_an_api_that_is_gone_costs_no_request(tmp_path: Path) -> None:
    with running_api() as api, NginxProxy(tmp_path, [free_port(), api]) as nginx, requests.Session() as session:
        url = nginx.url
        forged = {"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "X-Forwarded-Prefix": "/forged"}
        answers = [session.post(url, data=b"x" * 100, headers=forged, timeout=30) for _ in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        received = dict(line.split(": ", 1) for line in answers[0].text.splitlines())
        assert received["X-Forwarded-For"] == "127.0.0.1"
        assert received["Host"] == received["X-Forwarded-Host"] == url.removeprefix("http://")
        assert received.keys() & {"Forwarded", "X-Forwarded-Prefix"} == set()
        assert session.get(f"{url}/metrics", timeout=30).status_code == 404


@contextmanager
def silent_address() -> Iterator[int]:
    """A port that neither accepts nor refuses connections, as that of a container that is gone."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        while True:
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0.2)
            try:
                waiting.connect(listener.getsockname())
            except TimeoutError:
                break  # the queue of those that wait to be accepted is full
        yield listener.getsockname()[1]


@pytest.mark.skipif(NGINX is None, reason="nginx isn't installed")
def test_an_api_whose_address_is_silent_costs_no_request(tmp_path: Path) -> None:
    with running_api() as api, silent_address() as silent, NginxProxy(tmp_path, [silent, api]) as nginx:
        assert {requests.post(nginx.url, data=b"x" * 100, timeout=30).status_code for _ in range(4)} == {200}


def test_nginx_is_set_as_the_guide_of_proxies_says() -> None:
    guide, ours = (
        dict(re.findall(r"^    +((?:proxy|client|gzip|keepalive)\w*(?: [A-Z][\w-]+)?) (.+);$", path.read_text(), re.M))
        for path in (ROOT / "deploy" / "nginx" / "fitserve.conf", FOLDER / "nginx.conf")
    )
    different = {name for name, value in guide.items() if ours.get(name) != value}
    # A stopped api is noticed sooner, and there is no prefix.
    assert different == {"proxy_connect_timeout", "proxy_set_header X-Forwarded-Prefix", "proxy_pass"}
