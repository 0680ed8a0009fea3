"""Settings: what the documentation says holds for the code, and bad values end in one clear line."""

import dataclasses
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from models.limits import Limits
from service import config
from service.config import Settings
from service.environment import InvalidSettings, variable_of

SERVER = "postgresql+psycopg://me:secret@host/db"
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "configuration.md"


def read(**variables: str) -> Settings:
    return Settings.from_environment(variables)


def documented_row(member: "dataclasses.Field[Any]") -> str:
    """The line of the documentation's table that a setting must have."""
    default = member.metadata["stands_for"]
    if default is None:
        value = str(member.default).lower() if isinstance(member.default, bool) else str(member.default)
        default = f"`./{value}`" if value == "var" else f"`{value.removesuffix('.0')}`"
    return f"| `{variable_of(member)}` | {default} | {member.metadata['meaning']} |"


def test_the_documentation_lists_every_setting_with_its_default_and_meaning() -> None:
    rows = re.findall(r"^\| `.*$", DOCUMENTATION.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(documented_row(member) for member in dataclasses.fields(Settings))


def test_defaults_need_no_variable() -> None:
    settings = read()
    assert settings.url == "http://127.0.0.1:8000"
    assert settings.database_url == f"sqlite:///{Path('var').absolute()}/fitserve.db"
    assert settings.artifact_folder == Path("var/artifacts").absolute()
    assert settings.limits == Limits()
    assert settings.training_threads >= 1
    assert settings.job_memory_bytes > 0


def test_variables_set_what_they_name() -> None:
    settings = read(
        FITSERVE_PORT="9000",
        FITSERVE_DATA_DIR="/srv/fitserve",
        FITSERVE_LEASE_SECONDS="2.5",
        FITSERVE_DATASET_DOWNLOADS="false",
        FITSERVE_MAX_LAYERS="12",
        KERAS_HOME="/srv/keras",
        UNRELATED="1",
    )
    assert settings.port == 9000
    assert settings.database_url == "sqlite:////srv/fitserve/fitserve.db"
    assert settings.artifact_folder == Path("/srv/fitserve/artifacts")
    assert settings.lease_seconds == 2.5
    assert settings.dataset_downloads is False
    assert settings.limits == Limits(layers=12)
    assert settings.keras_cache == Path("/srv/keras")


@pytest.mark.parametrize("setting", ["build_slots", "import_slots"])
def test_builds_and_imports_run_concurrently_where_memory_allows(setting: str) -> None:
    def slots(gigabytes: float, given: int = 0) -> int:
        chosen: dict[str, Any] = {setting: given}
        found: int = getattr(Settings(job_memory_bytes=int(gigabytes * 1024**3), **chosen), setting)
        return found

    assert [slots(gigabytes) for gigabytes in (1, 3.9, 4, 7, 100)] == [1, 1, 2, 3, 4]
    assert slots(1, given=8) == 8


def test_the_service_is_looked_for_where_it_listens_unless_told_otherwise() -> None:
    assert read(FITSERVE_PORT="9000").service_url == "http://127.0.0.1:9000"
    assert read(FITSERVE_URL="https://fitserve.example").service_url == "https://fitserve.example"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read(FITSERVE_PORT="").port == 8000


def test_a_choice_is_taken_in_upper_and_lower_case() -> None:
    settings = read(FITSERVE_LOG_LEVEL="INFO", FITSERVE_LOG_FORMAT="Json", FITSERVE_START_METHOD="SPAWN")
    assert (settings.log_level, settings.log_format, settings.start_method) == ("info", "json", "spawn")


def test_artifacts_may_be_named_by_a_path_or_a_file_url() -> None:
    assert read(FITSERVE_ARTIFACT_URL="/srv/a").artifact_folder == Path("/srv/a")
    assert read(FITSERVE_ARTIFACT_URL="/srv/a").artifact_bucket is None
    in_bucket = read(FITSERVE_ARTIFACT_URL="s3://bucket/some/prefix/", FITSERVE_DATA_DIR="/srv/f")
    assert (in_bucket.artifact_bucket, in_bucket.artifact_folder) == ("bucket/some/prefix", Path("/srv/f/cache"))
    assert read(FITSERVE_ARTIFACT_URL="file:///srv/my%20artifacts").artifact_folder == Path("/srv/my artifacts")


def test_a_bucket_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "find_spec", lambda name: None)
    with pytest.raises(InvalidSettings, match=r"needs the extra `s3`: run pip install 'fitserve\[s3\]'"):
        read(FITSERVE_ARTIFACT_URL="s3://bucket")


def test_a_broker_needs_the_extra_and_what_several_hosts_share(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"FITSERVE_BROKER_URL": "amqps://me:secret@host/fitserve", "FITSERVE_DATABASE_URL": SERVER}
    shared = read(**variables, FITSERVE_ARTIFACT_URL="/nfs/fitserve")
    assert shared.broker_url == "amqps://me:secret@host/fitserve"
    assert "secret" not in repr(shared)
    monkeypatch.setattr(config, "find_spec", lambda name: None)
    with pytest.raises(InvalidSettings, match=r"needs the extra `celery`: run pip install 'fitserve\[celery\]'"):
        read(**variables)


def test_an_ipv6_host_is_in_brackets_in_the_address() -> None:
    assert read(FITSERVE_HOST="::1").url == "http://[::1]:8000"


@pytest.mark.parametrize(("host", "exposed"), [("::1", False), ("localhost", False), ("::", True), ("lab.lan", True)])
def test_an_address_that_is_not_of_the_loopback_interface_can_be_reached(host: str, exposed: bool) -> None:
    assert read(FITSERVE_HOST=host).is_exposed is exposed


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"FITSERVE_PORT": "many"}, 'FITSERVE_PORT can\'t be "many": Not a valid integer.'),
        ({"FITSERVE_PORT": "65536"}, 'FITSERVE_PORT can\'t be "65536": It must be between 1 and 65535.'),
        ({"FITSERVE_API_PROCESSES": "0"}, 'FITSERVE_API_PROCESSES can\'t be "0": It must be at least 1.'),
        ({"FITSERVE_LEASE_SECONDS": "nan"}, "FITSERVE_LEASE_SECONDS can't be"),
        ({"FITSERVE_ALLOW_ANONYMOUS": "perhaps"}, "FITSERVE_ALLOW_ANONYMOUS can't be"),
        ({"FITSERVE_LOG_FORMAT": "xml"}, 'FITSERVE_LOG_FORMAT can\'t be "xml": It must be one of text, json.'),
        ({"FITSERVE_PROT": "8000"}, "FITSERVE_PROT is not a setting. Did you mean FITSERVE_PORT?"),
        ({"FITSERVE_DATABASE_URL": "mysql://me:secret@host/db"}, "FITSERVE_DATABASE_URL must begin with sqlite:///"),
        ({"FITSERVE_DATABASE_URL": "sqlite:///:memory:"}, "FITSERVE_DATABASE_URL must name a file"),
        ({"FITSERVE_ARTIFACT_URL": "gs://bucket"}, "must be a folder's path, a file:// URL on this machine, or s3://B"),
        ({"FITSERVE_ARTIFACT_URL": "s3://"}, "must be s3://BUCKET or s3://BUCKET/PREFIX"),
        ({"FITSERVE_ARTIFACT_URL": "s3://key:secret@bucket"}, "credentials are read from the AWS_… variables"),
        ({"FITSERVE_ARTIFACT_URL": "s3://bucket/../other"}, "must be s3://BUCKET or s3://BUCKET/PREFIX"),
        ({"FITSERVE_ARTIFACT_REDIRECTS": "true"}, "set FITSERVE_ARTIFACT_URL to an s3:// URL, or omit it"),
        ({"FITSERVE_WORKER_QUEUES": " , "}, "FITSERVE_WORKER_QUEUES names no queue. It can be cpu"),
        ({"FITSERVE_WORKER_QUEUES": "cpu,g p u"}, 'FITSERVE_WORKER_QUEUES has "g p u", but a name must be 1 to 128'),
        ({"FITSERVE_ARTIFACT_URL": "file://elsewhere/a"}, "FITSERVE_ARTIFACT_URL must be"),
        (
            {"FITSERVE_BROKER_URL": "kafka://:secret@host"},
            "FITSERVE_BROKER_URL must begin with redis://, redis",
        ),
        *(
            (
                {"FITSERVE_BROKER_URL": url},
                "and name a host, and a port if it isn't the usual one, such as redis://:PASSWORD@redis.example.org:6379/0",
            )
            for url in ("redis:///0", "redis://host:64a/0", "redis://:secr[et@host")
        ),
        ({"FITSERVE_BROKER_URL": "redis://:secret@host"}, "Set FITSERVE_DATABASE_URL to PostgreSQL (postgresql+psyco"),
        (
            {"FITSERVE_BROKER_URL": "redis://:secret@host", "FITSERVE_DATABASE_URL": SERVER},
            "Set FITSERVE_ARTIFACT_URL to s3://BUCKET/PREFIX, or to the path of a folder that all hosts share.",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_one_line(variables: Mapping[str, str], expected: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environment(variables)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_setting_may_be_given_as_a_file(tmp_path: Path) -> None:
    url, port = tmp_path / "database-url", tmp_path / "port"
    url.write_text("postgresql+psycopg://me:secret@host/db\n")
    port.write_text("9000")
    settings = read(FITSERVE_DATABASE_URL_FILE=str(url), FITSERVE_PORT_FILE=str(port), FITSERVE_LOG_LEVEL_FILE="")
    assert settings.database_url == "postgresql+psycopg://me:secret@host/db"
    assert settings.port == 9000
    assert settings.log_level == "info"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"secret", "FITSERVE_PORT_FILE: the content of {path} is invalid: Not a valid integer."),
        (b"\n", "FITSERVE_PORT_FILE: the content of {path} is invalid: It must not be empty."),
        (b"\xff", "FITSERVE_PORT_FILE: the content of {path} is invalid: It must be text in UTF-8."),
        (b"1" * 70_000, "FITSERVE_PORT_FILE: the content of {path} is invalid: It must have at most 65,536 bytes."),
        (None, "FITSERVE_PORT_FILE: {path} can't be read: No such file or directory."),
    ],
)
def test_a_file_without_a_valid_value_is_refused_without_its_content(
    content: bytes | None, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "port"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidSettings) as refused:
        read(FITSERVE_PORT_FILE=str(path))
    assert str(refused.value) == expected.format(path=path)


def test_a_setting_is_given_either_as_a_variable_or_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as refused:
        read(FITSERVE_PORT="9000", FITSERVE_PORT_FILE=str(tmp_path / "port"))
    assert str(refused.value) == "FITSERVE_PORT and FITSERVE_PORT_FILE are both set: set only one of them."


def test_a_misspelt_file_variable_is_refused() -> None:
    with pytest.raises(InvalidSettings, match=r"FITSERVE_PROT_FILE is not a setting. Did you mean FITSERVE_PORT_FILE"):
        read(FITSERVE_PROT_FILE="/run/secrets/port")


def test_a_password_is_not_printed_with_the_settings() -> None:
    assert "secret" not in repr(read(FITSERVE_DATABASE_URL="postgresql+psycopg://me:secret@host/db"))


def test_the_command_ends_with_one_line_and_code_2() -> None:
    command = [sys.executable, "-m", "service", "serve"]
    ended = subprocess.run(command, env={"FITSERVE_PORT": "many"}, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == 'Error: FITSERVE_PORT can\'t be "many": Not a valid integer.\n'
    assert ended.stdout == ""
