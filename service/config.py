"""The service's settings: every `FITSERVE_…` variable with its default, bounds and meaning, read once at start."""

import difflib
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from environs import Env, EnvValidationError, ValidationError

from models.limits import Limits
from service.processes import usable_cores, usable_memory

PREFIX = "FITSERVE_"
TEST_PREFIX = "FITSERVE_TEST_"
"""What the test suite's own variables begin with; a service that a test starts inherits them."""

DATABASE_SCHEMES = ("sqlite:///", "postgresql+psycopg://")


class InvalidSettings(Exception):
    """A setting can't be used; the text is one line that names the variable and says what would be right."""


def setting(
    default: Any,
    meaning: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    allowed: tuple[str, ...] = (),
    variable: str | None = None,
    stands_for: str | None = None,
    secret: bool = False,
) -> Any:
    """A field of `Settings`: its default, its meaning, and which values are accepted; `allowed` words in any case.

    `stands_for` says in words what a default becomes that depends on other settings or on the machine. A `secret`
    may hold a password and is left out where settings are printed.
    """
    bounds = {"minimum": minimum, "maximum": maximum, "allowed": allowed}
    about = {"meaning": meaning, "variable": variable, "stands_for": stands_for}
    return field(default=default, repr=not secret, metadata=bounds | about)


@dataclass(frozen=True)
class Settings:
    """Everything that can be set; docs/configuration.md lists it."""

    host: str = setting("127.0.0.1", "Address that the api listens on.")
    port: int = setting(8000, "Port that the api listens on.", minimum=1, maximum=65535)
    allow_anonymous: bool = setting(
        False, "Listen beyond this machine although anyone who reaches the port may use the service."
    )
    data_dir: Path = setting(Path("./var"), "Folder for the SQLite file and the artifacts.")
    database_url: str = setting(
        "",
        "Where the database is, as SQLAlchemy writes it: `sqlite:///FILE` or `postgresql+psycopg://…`.",
        stands_for="`sqlite:///<FITSERVE_DATA_DIR>/fitserve.db`",
        secret=True,
    )
    artifact_url: str = setting(
        "",
        "Folder for datasets and versions: a path or a `file://` URL.",
        stands_for="`<FITSERVE_DATA_DIR>/artifacts`",
    )
    start_seconds: float = setting(
        60.0, "How long a command waits at startup for a PostgreSQL server that isn't up yet.", minimum=0
    )
    min_free_bytes: int = setting(
        1024**2,
        "Free bytes required on the disks of the SQLite file and the artifacts; below this, `/readyz` answers 503.",
        minimum=0,
    )
    keras_cache: Path = setting(
        Path("~/.keras"),
        "Keras's own folder; downloaded datasets are kept in `datasets` below it.",
        variable="KERAS_HOME",
    )
    dataset_downloads: bool = setting(True, "Download a built-in dataset that Keras's folder doesn't hold.")

    service_url: str = setting(
        "",
        "Where the commands that talk to a service find it.",
        variable="FITSERVE_URL",
        stands_for="`http://<FITSERVE_HOST>:<FITSERVE_PORT>`",
    )

    api_processes: int = setting(2, "Processes that answer requests.", minimum=1)
    api_threads: int = setting(16, "Threads of each api process.", minimum=2)
    prediction_threads: int = setting(1, "Threads that one prediction may use.", minimum=1)
    prediction_cache_versions: int = setting(32, "Versions that each api process keeps loaded.", minimum=1)
    prediction_cache_bytes: int = setting(
        1024**3, "Bytes of networks that each api process keeps loaded, besides the one used last.", minimum=0
    )
    preloaded_models: int = setting(
        0, "Models whose latest versions each api process loads before it answers, the newest models first.", minimum=0
    )
    max_concurrent_predictions: int = setting(
        16,
        "Predictions that each api process computes at once, and half as many with bodies of 1 MiB or more besides; "
        "beyond it the answer is 503. With fewer than the threads some are refused under load rather than late.",
        minimum=1,
    )
    prediction_seconds: float = setting(
        30.0, "How long a prediction may take; beyond it the answer is 503.", minimum=0.01
    )
    model_wait_seconds: float = setting(
        5.0, "How long creating a model waits for it, unless the client says otherwise.", minimum=0, maximum=60
    )
    dataset_wait_seconds: float = setting(
        10.0, "How long creating a dataset waits for it, unless the client says otherwise.", minimum=0, maximum=60
    )

    worker_slots: int = setting(1, "Training jobs that a worker runs at once.", minimum=1)
    training_threads: int = setting(
        0, "Threads of each training job.", minimum=0, stands_for="the machine's cores divided by the slots"
    )
    start_method: str = setting(
        "forkserver",
        "How a job's process is made; `spawn` is slower to start, and needed with GPUs.",
        allowed=("forkserver", "spawn"),
    )
    lease_seconds: float = setting(
        15.0, "How long a job's lease must go unrenewed before another worker takes the job.", minimum=1
    )
    poll_seconds: float = setting(0.1, "Time between a worker's looks for a job.", minimum=0.01)
    max_attempts: int = setting(
        3, "Deaths of its process, with no checkpoint in between, after which a job fails.", minimum=1
    )
    stall_seconds: float = setting(
        600.0, "Time without a step after which a job's process is ended, which counts as its death.", minimum=1
    )
    disk_full_seconds: float = setting(
        30.0,
        "How long a running job continues while the database's disk is full before it fails with `disk_full`.",
        minimum=0,
    )
    build_seconds: float = setting(
        120.0, "How long building a network may take; beyond it the model fails, and isn't tried again.", minimum=1
    )
    job_memory_bytes: int = setting(
        0,
        "Memory that a job may use; beyond it the job fails with `out_of_memory`.",
        minimum=0,
        stands_for="80 % of the machine's memory divided by the slots",
    )
    resident_bytes: int = setting(
        1024**3,
        "Bytes of a job's rows, as 32-bit floats, that are held in memory; larger data is read from the disk while the "
        "network trains.",
        minimum=0,
    )
    max_log_bytes: int = setting(1024**2, "Bytes that are kept of what a job prints.", minimum=0)

    job_retention_days: float = setting(
        0,
        "Days after its end that a job which a client started is removed; 0 keeps them for ever. Versions stay.",
        minimum=0,
    )
    event_retention_days: float = setting(
        30,
        "Days after its end that a job's log is reduced to its transitions and epochs: what it printed, its progress "
        "and its checkpoints are removed; 0 keeps them for ever.",
        minimum=0,
    )
    versions_kept: int = setting(
        0,
        "How many of a model's newest versions stay when those that no label points to are removed; 0 keeps all.",
        minimum=0,
    )
    orphan_hours: float = setting(
        1.0,
        "Hours without a change after which files that nothing points to are removed, such as a killed upload's.",
        minimum=0.1,
    )

    max_body_bytes: int = setting(64 * 1024**2, "Bytes of a request's body other than a form with files.", minimum=1024)
    max_upload_bytes: int = setting(
        2 * 1024**3, "Bytes of a form with files, such as a dataset's upload.", minimum=1024
    )
    max_json_depth: int = setting(64, "Levels of nesting in a JSON body.", minimum=8, maximum=200)
    max_queued_jobs: int = setting(
        1000, "Jobs that may wait at once, of each kind (import, build, training).", minimum=1
    )
    max_layers: int = setting(
        Limits.layers, "Layers and cells of a network, with those within others and their copies for steps.", minimum=1
    )
    max_recurrent_steps: int = setting(
        Limits.recurrent_steps, "Steps of sequences that recurrent layers take for a row, all together.", minimum=1
    )
    max_parameters: int = setting(Limits.parameters, "Parameters of a network.", minimum=1)
    max_activations_per_row: int = setting(
        Limits.activations_per_row, "Numbers that one row makes in all layers' outputs together.", minimum=1
    )
    max_rows: int = setting(Limits.rows, "Rows of a dataset.", minimum=1)
    max_epochs: int = setting(Limits.epochs, "Epochs of a training job.", minimum=1)
    max_batch_size: int = setting(Limits.batch_size, "Rows of a batch.", minimum=1)
    max_pixels: int = setting(Limits.pixels, "Pixels of a picture.", minimum=1)
    max_total_pixels: int = setting(
        Limits.total_pixels, "Pixels of all pictures in a ZIP together, as their files have them.", minimum=1
    )
    max_zip_entries: int = setting(Limits.zip_entries, "Files in a ZIP.", minimum=1)
    max_zip_ratio: int = setting(
        Limits.zip_ratio, "How many times larger a ZIP of pictures may become when it is unpacked.", minimum=1
    )
    max_dataset_bytes: int = setting(
        Limits.dataset_bytes, "Bytes of a dataset's arrays and pictures, unpacked.", minimum=1
    )

    log_format: str = setting("text", "`text` for people, `json` for machines.", allowed=("text", "json"))
    log_level: str = setting(
        "info", "The least important messages that are logged.", allowed=("debug", "info", "warning", "error")
    )

    def __post_init__(self) -> None:
        resolved: dict[str, Any] = {
            "data_dir": self.data_dir.expanduser().absolute(),
            "keras_cache": self.keras_cache.expanduser().absolute(),
            "training_threads": self.training_threads or max(1, usable_cores() // self.worker_slots),
            "job_memory_bytes": self.job_memory_bytes or int(usable_memory() * 0.8) // self.worker_slots,
        }
        resolved["database_url"] = self.database_url or f"sqlite:///{resolved['data_dir'] / 'fitserve.db'}"
        resolved["service_url"] = self.service_url or self.url
        resolved["artifact_url"] = self.artifact_url or str(resolved["data_dir"] / "artifacts")
        for name, value in resolved.items():
            object.__setattr__(self, name, value)
        _check_host(self.host, self.allow_anonymous)
        _check_database_url(self.database_url)
        _local_folder(self.artifact_url)

    @classmethod
    def from_environment(cls, env: Mapping[str, str] | None = None) -> Self:
        """The settings that `env` gives (the process's own environment where left out).

        An empty variable counts as not set. Raises InvalidSettings at the first one that can't be used.
        """
        given = {name: value for name, value in (os.environ if env is None else env).items() if value}
        variables = {variable_of(member): member for member in fields(cls)}
        for name in given:
            if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name not in variables:
                raise InvalidSettings(f"{name} is not a setting.{_nearest(name, list(variables))}")
        return cls(**{m.name: _parse(m, name, given) for name, m in variables.items() if name in given})

    @property
    def artifact_folder(self) -> Path:
        """The folder that `artifact_url` names."""
        return _local_folder(self.artifact_url)

    @property
    def limits(self) -> Limits:
        """The bounds that the machine-learning side holds requests to."""
        return Limits(
            layers=self.max_layers,
            recurrent_steps=self.max_recurrent_steps,
            parameters=self.max_parameters,
            activations_per_row=self.max_activations_per_row,
            rows=self.max_rows,
            epochs=self.max_epochs,
            batch_size=self.max_batch_size,
            pixels=self.max_pixels,
            total_pixels=self.max_total_pixels,
            zip_entries=self.max_zip_entries,
            zip_ratio=self.max_zip_ratio,
            dataset_bytes=self.max_dataset_bytes,
        )

    @property
    def url(self) -> str:
        """Where the api answers, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def variable_of(member: "Field[Any]") -> str:
    """The environment variable that sets a field of `Settings`."""
    return member.metadata["variable"] or f"{PREFIX}{member.name.upper()}"


class _MappingEnv(Env):
    """environs over a given mapping rather than the process's environment."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__()
        self._given = given

    def _get_value(self, env_key: str, default: Any) -> Any:
        return self._given.get(env_key, default)


def _parse(member: "Field[Any]", variable: str, given: Mapping[str, str]) -> Any:
    env = _MappingEnv(given)
    parsers: dict[Any, Any] = {int: env.int, float: env.float, bool: env.bool, str: env.str, Path: env.path}
    try:
        value = parsers[member.type](variable, validate=lambda value: _check_bounds(member, value))
        return value.lower() if member.metadata["allowed"] else value
    except EnvValidationError as error:
        reasons = [str(reason) for reason in error.error_messages]
        raise InvalidSettings(f'{variable} can\'t be "{given[variable]}": {" ".join(reasons)}') from None


def _check_bounds(member: "Field[Any]", value: Any) -> None:
    minimum, maximum, allowed = (member.metadata[name] for name in ("minimum", "maximum", "allowed"))
    if allowed and value.lower() not in allowed:
        raise ValidationError(f"It must be one of {', '.join(allowed)}.")
    if (minimum is not None and not value >= minimum) or (maximum is not None and not value <= maximum):
        bounds = f"at least {minimum}" if maximum is None else f"between {minimum} and {maximum}"
        raise ValidationError(f"It must be {bounds}.")


def _check_host(host: str, allow_anonymous: bool) -> None:
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback and not allow_anonymous:
        raise InvalidSettings(
            f'FITSERVE_HOST is "{host}", which other machines can reach, and the service asks nobody who they are: '
            "set FITSERVE_ALLOW_ANONYMOUS=true if that is meant, or listen on 127.0.0.1."
        )


def _check_database_url(url: str) -> None:
    if not url.startswith(DATABASE_SCHEMES):
        raise InvalidSettings(f"FITSERVE_DATABASE_URL must begin with {' or '.join(DATABASE_SCHEMES)}.")
    if url in ("sqlite:///", "sqlite:///:memory:"):
        raise InvalidSettings(
            "FITSERVE_DATABASE_URL must name a file: api and worker are several processes and can't share memory."
        )


def _local_folder(url: str) -> Path:
    parts = urlsplit(url)
    if not parts.scheme:
        return Path(url).expanduser().absolute()
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise InvalidSettings("FITSERVE_ARTIFACT_URL must be a folder's path or a file:// URL on this machine.")
    return Path(unquote(parts.path))


def _nearest(name: str, names: list[str]) -> str:
    matches = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {matches[0]}?" if matches else ""
