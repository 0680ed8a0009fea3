"""The service's settings: every `FITSERVE_…` variable with its default, bounds and meaning, read once at start."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

from models.limits import Limits
from service.environment import InvalidSettings, read_settings, setting
from service.names import NAME, NAME_RULE
from service.processes import usable_cores, usable_memory
from service.rates import MEMORY, check_storage, parse_rates

if TYPE_CHECKING:
    from limits import RateLimitItem

DEFAULT_QUEUE = "cpu"
"""The queue of the jobs that name none."""
MOST_SHARING, MEMORY_PER_SHARE = 4, 2 * 1024**3

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SQLITE = "sqlite:///"
DATABASE_SCHEMES = (SQLITE, "postgresql+psycopg://")
BROKER_SCHEMES = ("redis://", "rediss://", "amqp://", "amqps://")
S3_SCHEME = "s3://"
PORTS = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")
S3_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{2,62}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){0,9}/?")


@dataclass(frozen=True)
class Settings:
    """All settings; docs/configuration.md documents them."""

    host: str = setting("127.0.0.1", "Address on which the api listens.")
    port: int = setting(8000, "Port on which the api listens.", minimum=1, maximum=65535)
    allow_anonymous: bool = setting(
        False,
        "While the service has no API key: listen on an address that other machines can reach, although everybody who "
        "reaches it can use the service.",
    )
    data_dir: Path = setting(Path("./var"), "Folder for the SQLite file and the artifacts.")
    database_url: str = setting(
        "",
        "URL of the database, in SQLAlchemy's form: `sqlite:///FILE` or `postgresql+psycopg://…`.",
        stands_for="`sqlite:///<FITSERVE_DATA_DIR>/fitserve.db`",
        secret=True,
    )
    database_pool_size: int = setting(
        20,
        "Connections to the database that each process keeps open while it doesn't use them, at most. It opens more "
        "when it needs them: at most two per thread.",
        minimum=1,
    )
    artifact_url: str = setting(
        "",
        "Where datasets and versions are stored: a folder's path, a `file://` URL, or `s3://BUCKET/PREFIX`, for which "
        "the extra `s3` must be installed.",
        stands_for="`<FITSERVE_DATA_DIR>/artifacts`",
    )
    artifact_cache_bytes: int = setting(
        20 * 1024**3,
        "With S3: size of the copies that a host keeps of what it reads, in `<FITSERVE_DATA_DIR>/cache`. The least "
        "recently used are removed first; those in use stay.",
        minimum=0,
    )
    artifact_redirects: bool = setting(
        False,
        "With S3: answer downloads of versions' files and of Parquet results with a 303, whose `Location` is a URL of "
        "the bucket that is valid for 15 minutes. Otherwise the api sends the file.",
    )
    broker_url: str = setting(
        "",
        "URL of a message broker that tells workers of jobs instead of PostgreSQL: Redis (`redis://…`, `rediss://…`) "
        "or RabbitMQ (`amqp://…`, `amqps://…`). The extra `celery` must be installed.",
        stands_for="none",
        secret=True,
    )
    start_seconds: float = setting(
        60.0, "How long a command waits at startup for PostgreSQL or S3 to become reachable.", minimum=0
    )
    start_attempts: int = setting(
        5,
        "How often `fitserve serve` starts the api or the worker, at most, until both are ready for the first time. "
        "If one crashes at each attempt, the command ends with exit code 1.",
        minimum=1,
    )
    min_free_bytes: int = setting(
        256 * 1024**2,
        "Free space required on the disks of the SQLite file and the artifacts. With less, requests that store "
        "something get a 507, and workers claim no jobs; 0: no requirement.",
        minimum=0,
    )
    keras_cache: Path = setting(
        Path("~/.keras"),
        "Keras's own folder; downloaded datasets are stored in its subfolder `datasets`.",
        variable="KERAS_HOME",
    )
    dataset_downloads: bool = setting(True, "Download a built-in dataset if Keras's folder doesn't contain it.")

    service_url: str = setting(
        "",
        "URL of the service, for the client commands.",
        variable="FITSERVE_URL",
        stands_for="`http://<FITSERVE_HOST>:<FITSERVE_PORT>`",
    )

    service_key: str = setting(
        "", "API key for the client commands.", variable="FITSERVE_KEY", stands_for="none", secret=True
    )
    service_project: str = setting(
        "",
        "Project in which the client commands act, for a key with the scope `admin`.",
        variable="FITSERVE_PROJECT",
        stands_for="`default`",
    )

    allowed_hosts: str = setting(
        "",
        "Hosts that the `Host` header of a request may name: comma-separated, without ports; `*` allows every host.",
        stands_for="`localhost,127.0.0.1,[::1]` and `FITSERVE_HOST`",
    )
    cors_origins: str = setting(
        "",
        "Origins whose web pages may use the service: comma-separated, such as `https://example.org`.",
        stands_for="none",
    )
    trusted_proxies: str = setting(
        "",
        "Reverse proxies whose `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix`, or `Forwarded`, are honored: "
        "comma-separated addresses and networks, such as `127.0.0.1,10.1.0.0/16`.",
        stands_for="none",
    )

    metrics_open: bool = setting(False, "Answer `/metrics` without an API key, with the metrics of all projects.")

    api_processes: int = setting(2, "Number of processes that answer requests.", minimum=1)
    api_threads: int = setting(
        16,
        "Threads per api process for requests other than predictions; each computes one request at a time.",
        minimum=2,
    )
    max_connections: int = setting(4096, "Connections that each api process keeps open, at most.", minimum=16)
    max_buffered_bytes: int = setting(
        224 * 1024**2,
        "Memory that request bodies and what they become may take in each api process, at most. A large request may "
        "take 7/8 of it (else 413). Further requests get a 503.",
        minimum=1024**2,
    )
    client_timeout_seconds: float = setting(
        10.0,
        "How long a client may send or receive nothing while its request or its answer is incomplete.",
        minimum=0.1,
    )
    min_client_bytes_per_second: int = setting(
        1024,
        "Minimum average speed of a request and of its response, once FITSERVE_CLIENT_TIMEOUT_SECONDS have passed.",
        minimum=1,
    )
    body_seconds: float = setting(
        300.0,
        "Time within which a body must arrive. Large bodies must therefore be sent faster. Forms with files have more "
        "time.",
        minimum=1,
    )
    upload_seconds: float = setting(3600.0, "Time within which a form with files must arrive.", minimum=1)
    max_streams: int = setting(
        1000, "Event streams that each api process keeps open, at most. Further requests get a 503.", minimum=1
    )
    max_streams_per_address: int = setting(
        200,
        "Event streams to one client address, and with one API key, at most, in each api process. A proxy that isn't "
        "one of FITSERVE_TRUSTED_PROXIES is one client.",
        minimum=1,
    )
    stream_seconds: float = setting(
        3600.0, "Time after which an event stream ends; its client reconnects and misses no event.", minimum=1
    )
    drain_seconds: float = setting(
        0.5,
        "How long `/readyz` says `draining` before a process that shuts down stops accepting connections.",
        minimum=0,
        maximum=2,
    )
    prediction_threads: int = setting(1, "Threads that one prediction may use.", minimum=1)
    prediction_cache_versions: int = setting(32, "Versions that each api process keeps loaded, at most.", minimum=1)
    prediction_cache_bytes: int = setting(
        1024**3,
        "Total size of the networks that each api process keeps loaded, at most; the one used last doesn't count.",
        minimum=0,
    )
    preloaded_models: int = setting(
        0,
        "Models whose served versions each api process loads before it is ready; the newest models come first.",
        minimum=0,
    )
    max_concurrent_predictions: int = setting(
        64,
        "Predictions that each api process computes or keeps waiting, at most; an eighth as many with bodies of 1 MiB "
        "or more come on top. Further requests get a 503.",
        minimum=1,
    )
    prediction_seconds: float = setting(30.0, "Timeout of a prediction; after it the response is a 503.", minimum=0.01)
    picture_seconds: float = setting(10.0, "Timeout of drawing a picture; after it the response is a 503.", minimum=0.1)
    picture_memory_bytes: int = setting(
        1024**3,
        "Address space that the process that draws pictures may use, one for each api process. It starts with the "
        "first picture and ends when none has been asked for in the last minute.",
        minimum=256 * 1024**2,
    )
    rate_limits: str = setting(
        "",
        "Requests that a key may send, without keys a client address: a limit for each class (`predict`, `read`, "
        "`write`), such as `predict=6000/minute,write=600/minute`. Further requests get a 429.",
        stands_for="none",
    )
    rate_limit_storage: str = setting(
        MEMORY,
        "Where requests are counted: `memory`, for all api processes of this host, or for several hosts `database`, "
        "which is the service's own, or the URL of a Redis server, `redis://…` or `rediss://…`.",
        secret=True,
    )
    model_wait_seconds: float = setting(
        5.0,
        "How long a request that creates a model waits for the build, unless its `Prefer` header says otherwise.",
        minimum=0,
        maximum=60,
    )
    dataset_wait_seconds: float = setting(
        10.0,
        "How long a request that creates a dataset waits for the import, unless its `Prefer` header says otherwise.",
        minimum=0,
        maximum=60,
    )

    worker_slots: int = setting(1, "Training jobs that a worker runs concurrently, at most.", minimum=1)
    worker_queues: str = setting(
        DEFAULT_QUEUE,
        "Names of the queues from which a worker claims jobs, separated by commas. A training job's `queue` names one; "
        "all other jobs are in `cpu`.",
    )
    gang_address: str = setting(
        "",
        "Address of this host at which the other workers of a training with several `hosts` reach it, if it leads "
        "the training.",
        stands_for="the address from which the host reaches PostgreSQL; `127.0.0.1` with SQLite or a Unix socket",
    )
    gang_ports: str = setting(
        "",
        "Ports on which a worker that leads such a training listens for the others: `FIRST-LAST`. It takes a random "
        "free one, so there should be several times as many as the host has slots.",
        stands_for="any free port",
    )
    gang_seconds: float = setting(
        120.0,
        "How long the workers of such a training wait for each other at its beginning. After that the job is queued "
        "again, and their slots are free. If a worker had begun but couldn't reach the leader, this counts as a crash: "
        "the job fails after `FITSERVE_MAX_ATTEMPTS`.",
        minimum=1,
    )
    training_threads: int = setting(
        0, "Threads per training job.", minimum=0, stands_for="the machine's cores divided by `FITSERVE_WORKER_SLOTS`"
    )
    start_method: str = setting(
        "forkserver",
        "How the process of a job starts; `spawn` is slower, and required with GPUs.",
        allowed=("forkserver", "spawn"),
    )
    lease_seconds: float = setting(
        15.0, "How long a lease must go without renewal before another worker may claim the job.", minimum=1
    )
    poll_seconds: float = setting(
        0.1,
        "Interval at which a worker polls the queue. If PostgreSQL or a broker tells it of jobs, it polls every 5 "
        "seconds only.",
        minimum=0.01,
    )
    max_attempts: int = setting(
        3, "Number of crashes, without a checkpoint in between, after which a job fails.", minimum=1
    )
    stall_seconds: float = setting(
        600.0,
        "Time without a training step after which the process of a job is killed; this counts as a crash.",
        minimum=1,
    )
    disk_full_seconds: float = setting(
        30.0,
        "How long a job continues while its events, checkpoints or results can't be stored, because the disk is "
        "full or the artifacts can't be written. After that the job is paused with `disk_full` or "
        "`artifacts_unwritable`. A build or an import runs again for this long, then it fails. 0: it fails at "
        "once.",
        minimum=0,
    )
    build_seconds: float = setting(
        120.0, "Timeout for building a network; after it the model fails, without a retry.", minimum=1
    )
    build_slots: int = setting(
        0,
        "Networks that a worker builds concurrently, at most; they share the memory of one job.",
        minimum=0,
        stands_for="one per 2 GiB of `FITSERVE_JOB_MEMORY_BYTES`, at least 1 and at most 4",
    )
    import_slots: int = setting(
        0,
        "Imports of datasets that a worker runs concurrently, at most; they share the memory of one job.",
        minimum=0,
        stands_for="one per 2 GiB of `FITSERVE_JOB_MEMORY_BYTES`, at least 1 and at most 4",
    )
    import_seconds: float = setting(
        900.0,
        "Timeout for importing a dataset, including a download; after it the dataset fails, without a retry.",
        minimum=1,
    )
    batch_shard_rows: int = setting(
        1_000_000,
        "Rows above which a batch prediction is divided: into shards of about as many rows, at most 100, which several "
        "workers predict concurrently; 0: none is divided.",
        minimum=0,
    )
    job_memory_bytes: int = setting(
        0,
        "Memory that a job may use; a job that exceeds it fails with `out_of_memory`.",
        minimum=0,
        stands_for="80 % of the machine's memory divided by `FITSERVE_WORKER_SLOTS`",
    )
    resident_bytes: int = setting(
        1024**3,
        "Size of a job's rows up to which they are held in memory; larger data is read from disk during training. "
        "Inputs that are stored as bytes, such as images, count 1 byte per number; other numbers count 4.",
        minimum=0,
    )
    snapshot_bytes: int = setting(
        64 * 1024**2,
        "Size of the snapshots that a training job keeps of its epochs, at most. If not even two fit, it keeps none.",
        minimum=0,
    )
    compiled_code_bytes: int = setting(
        256 * 1024**2,
        "Size of the machine code that a worker keeps in `FITSERVE_DATA_DIR/compiled`, at most, so that a network that "
        "is trained again need not be compiled again; 0 keeps none.",
        minimum=0,
    )
    max_log_bytes: int = setting(1024**2, "Size of a job's printed output that is kept, at most.", minimum=0)

    job_retention_days: float = setting(
        0,
        "Days after its end at which a job that a client created is removed; 0 keeps jobs forever. Versions stay.",
        minimum=0,
    )
    event_retention_days: float = setting(
        7,
        "Days after a job's end at which its log is reduced to status changes and epochs: printed output, "
        "progress and checkpoints are removed. A log of more than 20,000 events is reduced after a day at the latest. "
        "0 keeps all logs.",
        minimum=0,
    )
    epochs_kept: int = setting(
        10_000,
        "Number of epochs that a reduced log has at most: evenly spaced ones, the best one and those with a snapshot; "
        "0 keeps all.",
        minimum=0,
    )
    audit_retention_days: float = setting(
        90, "Days after which audit events are removed; 0 keeps them forever.", minimum=0
    )
    versions_kept: int = setting(
        0,
        "Number of newest versions per model that are kept when versions without a label are removed; 0 keeps all.",
        minimum=0,
    )
    orphan_hours: float = setting(
        1.0,
        "Hours since their last change after which files that nothing refers to are removed, such as those of "
        "an interrupted upload.",
        minimum=0.1,
    )

    max_body_bytes: int = setting(64 * 1024**2, "Size of a request body, except forms with files.", minimum=1024)
    max_upload_bytes: int = setting(
        2 * 1024**3, "Size of a form with files, such as the upload of a dataset.", minimum=1024
    )
    max_model_file_bytes: int = setting(
        1024**3, "Size of a form with the file of a network, which becomes a model or a version.", minimum=1024
    )
    max_body_values: int = setting(
        Limits.body_values,
        "Values in the JSON of a prediction or a dataset, or cells in a CSV body. Evenly nested numbers of a "
        "prediction don't count.",
        minimum=1000,
    )
    max_document_values: int = setting(
        100_000, "Values in the JSON body of any other request, such as the spec of a model.", minimum=1000
    )
    max_prediction_numbers: int = setting(
        Limits.prediction_numbers,
        "Rows of a prediction times the numbers of a row in the network's inputs and outputs.",
        minimum=1000,
    )
    max_prediction_pixels: int = setting(
        Limits.prediction_pixels,
        "Pixels of an image that are decoded for a prediction. A large JPEG is decoded at a half, a quarter or an "
        "eighth of its size.",
        minimum=1,
    )
    max_answer_bytes: int = setting(
        Limits.answer_bytes, "Size of a prediction's response, before compression.", minimum=1024
    )
    max_json_depth: int = setting(64, "Levels of nesting in a JSON body.", minimum=8, maximum=200)
    max_queued_jobs: int = setting(
        1000, "Queued jobs of each kind (import, build, training) in each project.", minimum=1
    )
    max_layers: int = setting(
        Limits.layers,
        "Layers and cells of a network, including nested ones and their copies for time steps.",
        minimum=1,
    )
    max_recurrent_steps: int = setting(
        Limits.recurrent_steps, "Time steps that all recurrent layers together process for one row.", minimum=1
    )
    max_parameters: int = setting(Limits.parameters, "Parameters of a network.", minimum=1)
    max_activations_per_row: int = setting(
        Limits.activations_per_row, "Numbers in the outputs of all layers together, for one row.", minimum=1
    )
    max_rows: int = setting(Limits.rows, "Rows of a dataset.", minimum=1)
    max_epochs: int = setting(Limits.epochs, "Epochs of a training job.", minimum=1)
    max_batch_size: int = setting(Limits.batch_size, "Rows of a batch.", minimum=1)
    max_hosts: int = setting(Limits.hosts, "Workers on which a training job runs.", minimum=1)
    max_pixels: int = setting(Limits.pixels, "Pixels of an image.", minimum=1)
    max_jpeg_scans: int = setting(Limits.jpeg_scans, "Scans of a progressive JPEG.", minimum=1)
    max_total_pixels: int = setting(
        Limits.total_pixels, "Pixels of all images in a ZIP together, at their original size.", minimum=1
    )
    max_zip_entries: int = setting(Limits.zip_entries, "Files in a ZIP.", minimum=1)
    max_pixel_ratio: int = setting(
        Limits.pixel_ratio,
        "Pixels of an image in an imported ZIP for each byte of its file; the first 4,194,304 pixels don't count.",
        minimum=1,
    )
    max_zip_ratio: int = setting(
        Limits.zip_ratio,
        "Ratio of the unpacked to the packed size of a ZIP or NPZ file that unpacks to more than 16 MiB.",
        minimum=1,
    )
    max_dataset_bytes: int = setting(
        Limits.dataset_bytes,
        "Size of a dataset's arrays and images, unpacked, or of the cells of its table, 8 bytes each.",
        minimum=1,
    )

    log_format: str = setting("text", "`text` for people, `json` for machines.", allowed=("text", "json"))
    log_level: str = setting(
        "info", "Lowest level of the messages that are logged.", allowed=("debug", "info", "warning", "error")
    )
    access_log: str = setting(
        "summary",
        "Which requests get a line each: `all`, all but successful predictions and probes (`summary`), or only failed "
        "ones (`errors`). The others are counted in a line every 10 seconds.",
        allowed=("all", "summary", "errors"),
    )

    def __post_init__(self) -> None:
        resolved: dict[str, Any] = {
            "data_dir": self.data_dir.expanduser().absolute(),
            "keras_cache": self.keras_cache.expanduser().absolute(),
            "training_threads": self.training_threads or max(1, usable_cores() // self.worker_slots),
            "job_memory_bytes": self.job_memory_bytes or int(usable_memory() * 0.8) // self.worker_slots,
        }
        sharing = _count_sharing(resolved["job_memory_bytes"])
        resolved["build_slots"], resolved["import_slots"] = self.build_slots or sharing, self.import_slots or sharing
        resolved["database_url"] = self.database_url or f"sqlite:///{resolved['data_dir'] / 'fitserve.db'}"
        _check_broker(self.broker_url, resolved["database_url"], self.artifact_url)
        resolved["service_url"] = self.service_url or self.url
        resolved["artifact_url"] = self.artifact_url or str(resolved["data_dir"] / "artifacts")
        for name, value in resolved.items():
            object.__setattr__(self, name, value)
        _check_database_url(self.database_url)
        _read_networks(self.trusted_proxies)
        _check_artifact_url(self.artifact_url)
        if self.artifact_redirects and self.artifact_bucket is None:
            raise InvalidSettings(
                "FITSERVE_ARTIFACT_REDIRECTS needs a bucket to redirect to: set FITSERVE_ARTIFACT_URL to an s3:// URL, "
                "or omit it."
            )
        _check_rate_limits(self.rate_limits, self.rate_limit_storage)
        _check_queues(self.queues)
        _read_ports(self.gang_ports)

    @classmethod
    def from_environment(cls, env: Mapping[str, str] | None = None) -> Self:
        """Read the settings from `env`, by default the environment of the process.

        An empty variable counts as not set. Raises InvalidSettings for the first invalid one.
        """
        return cls(**read_settings(fields(cls), os.environ if env is None else env))

    @property
    def is_exposed(self) -> bool:
        """Whether other machines can reach the address on which the api listens."""
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host != "localhost"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that requests may name, in lower case."""
        given = _split(self.allowed_hosts.lower())
        return given or ("localhost", "127.0.0.1", "[::1]", f"[{self.host}]" if ":" in self.host else self.host.lower())

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins whose web pages may use the service."""
        return _split(self.cors_origins)

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues from which a worker claims jobs, each of them once."""
        return tuple(dict.fromkeys(_split(self.worker_queues)))

    @property
    def ports_of_gangs(self) -> range:
        """The ports on which a training's leader may listen; 0 stands for any free port."""
        return _read_ports(self.gang_ports)

    @property
    def rates(self) -> "dict[str, RateLimitItem]":
        """The rate limits by class of requests."""
        return parse_rates(self.rate_limits)

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """The networks of the trusted proxies; a single address is a network of its own."""
        return _read_networks(self.trusted_proxies)

    @property
    def uses_sqlite(self) -> bool:
        """Whether the database is a file of this machine."""
        return self.database_url.startswith(SQLITE)

    @property
    def has_local_artifacts(self) -> bool:
        """Whether the artifacts are in a folder, which is this machine's own unless it is on a shared disk."""
        return urlsplit(self.artifact_url).scheme in ("", "file")

    @property
    def artifact_folder(self) -> Path:
        """The folder that `artifact_url` refers to; with S3, that of this host's copies and of what it writes."""
        return self.data_dir / "cache" if self.artifact_bucket is not None else _local_folder(self.artifact_url)

    @property
    def artifact_bucket(self) -> str | None:
        """BUCKET or BUCKET/PREFIX of an S3 `artifact_url`; None for a folder."""
        url = self.artifact_url
        return url.removeprefix(S3_SCHEME).strip("/") if url.startswith(S3_SCHEME) else None

    @property
    def compiled_code(self) -> Path | None:
        """The folder in which a worker keeps compiled code; None: it keeps none."""
        return self.data_dir / "compiled" if self.compiled_code_bytes else None

    @property
    def limits(self) -> Limits:
        """The limits that `models` enforces."""
        return Limits(
            layers=self.max_layers,
            recurrent_steps=self.max_recurrent_steps,
            parameters=self.max_parameters,
            activations_per_row=self.max_activations_per_row,
            rows=self.max_rows,
            epochs=self.max_epochs,
            hosts=self.max_hosts,
            batch_size=self.max_batch_size,
            pixels=self.max_pixels,
            total_pixels=self.max_total_pixels,
            zip_entries=self.max_zip_entries,
            pixel_ratio=self.max_pixel_ratio,
            zip_ratio=self.max_zip_ratio,
            dataset_bytes=self.max_dataset_bytes,
            body_values=self.max_body_values,
            prediction_numbers=self.max_prediction_numbers,
            prediction_pixels=self.max_prediction_pixels,
            jpeg_scans=self.max_jpeg_scans,
            answer_bytes=self.max_answer_bytes,
        )

    @property
    def url(self) -> str:
        """The api's URL, with an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def _count_sharing(memory: int) -> int:
    """How many builds or imports run concurrently if they share `memory`."""
    return max(1, min(MOST_SHARING, memory // MEMORY_PER_SHARE))


def _split(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _read_networks(text: str) -> tuple[Network, ...]:
    networks = []
    for item in _split(text):
        try:
            network = ipaddress.ip_network(item)
        except ValueError as error:
            hint = "list the addresses of your proxies, not of everyone" if item == "*" else str(error)
            raise InvalidSettings(
                f'FITSERVE_TRUSTED_PROXIES has "{item}", which is no address or network such as 10.1.0.0/16: {hint}.'
            ) from None
        if not network.prefixlen:
            raise InvalidSettings(
                f'FITSERVE_TRUSTED_PROXIES has "{item}", which is every address: each client could claim to be any '
                "other. List the addresses of your proxies."
            )
        networks.append(network)
    return tuple(networks)


def _check_database_url(url: str) -> None:
    if not url.startswith(DATABASE_SCHEMES):
        raise InvalidSettings(f"FITSERVE_DATABASE_URL must begin with {' or '.join(DATABASE_SCHEMES)}.")
    if url in ("sqlite:///", "sqlite:///:memory:"):
        raise InvalidSettings(
            "FITSERVE_DATABASE_URL must name a file: api and worker are separate processes and don't share memory."
        )


def _check_rate_limits(limits: str, storage: str) -> None:
    try:
        parse_rates(limits)
    except ValueError as error:
        raise InvalidSettings(f'FITSERVE_RATE_LIMITS can\'t be "{limits}": {error}') from None
    try:
        check_storage(storage)
    except ValueError as error:
        raise InvalidSettings(f"FITSERVE_RATE_LIMIT_STORAGE is invalid: {error}") from None


def _check_artifact_url(url: str) -> None:
    if not url.startswith(S3_SCHEME):
        _local_folder(url)
    elif S3_URL.fullmatch(url) is None:
        raise InvalidSettings(
            "FITSERVE_ARTIFACT_URL must be s3://BUCKET or s3://BUCKET/PREFIX, with letters, digits and ._- in the "
            "names. The endpoint and the credentials are read from the AWS_… variables."
        )
    elif find_spec("s3fs") is None:
        raise InvalidSettings(
            "FITSERVE_ARTIFACT_URL is an s3:// URL, which needs the extra `s3`: run pip install 'fitserve[s3]'."
        )


def _read_ports(posted: str) -> range:
    """The ports of `FIRST-LAST`; port 0 for an empty text. Raises InvalidSettings."""
    if not posted:
        return range(1)
    found = PORTS.fullmatch(posted)
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 0 < first <= last < 2**16:
        raise InvalidSettings(f'FITSERVE_GANG_PORTS must be two ports such as "29500-29599", not "{posted[:32]}".')
    return range(first, last + 1)


def _check_broker(url: str, database_url: str, artifact_url: str) -> None:
    """Refuse a broker that can't be used, or is of no use because the rest belongs to one machine."""
    if not url:
        return
    if not _is_broker(url):
        raise InvalidSettings(
            f"FITSERVE_BROKER_URL must begin with {', '.join(BROKER_SCHEMES[:-1])} or {BROKER_SCHEMES[-1]} and name a "
            "host, and a port if it isn't the usual one, such as redis://:PASSWORD@redis.example.org:6379/0."
        )
    if find_spec("celery") is None:
        raise InvalidSettings("FITSERVE_BROKER_URL needs the extra `celery`: run pip install 'fitserve[celery]'.")
    if database_url.startswith(SQLITE):
        raise InvalidSettings(
            "FITSERVE_BROKER_URL is for workers on several hosts, but FITSERVE_DATABASE_URL is an SQLite file, which "
            "belongs to one. Set FITSERVE_DATABASE_URL to PostgreSQL (postgresql+psycopg://…), or omit "
            "FITSERVE_BROKER_URL: one machine needs no broker."
        )
    if not artifact_url:
        raise InvalidSettings(
            "FITSERVE_BROKER_URL is for workers on several hosts, but the artifacts are in FITSERVE_DATA_DIR of each. "
            "Set FITSERVE_ARTIFACT_URL to s3://BUCKET/PREFIX, or to the path of a folder that all hosts share."
        )


def _is_broker(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return url.startswith(BROKER_SCHEMES) and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _check_queues(queues: tuple[str, ...]) -> None:
    if not queues:
        raise InvalidSettings("FITSERVE_WORKER_QUEUES names no queue. It can be cpu, or several such as cpu,gpu.")
    for queue in queues:
        if not NAME.fullmatch(queue):
            raise InvalidSettings(f'FITSERVE_WORKER_QUEUES has "{queue}", but a name {NAME_RULE}.')


def _local_folder(url: str) -> Path:
    parts = urlsplit(url)
    if not parts.scheme:
        return Path(url).expanduser().absolute()
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise InvalidSettings(
            "FITSERVE_ARTIFACT_URL must be a folder's path, a file:// URL on this machine, or s3://BUCKET/PREFIX."
        )
    return Path(unquote(parts.path))
