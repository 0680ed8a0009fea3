"""The objects of an S3 bucket below a prefix: the only module that knows s3fs and botocore, which it imports on use."""

import errno
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import structlog

from service.errors import ArtifactsError, ArtifactsUnavailable, ArtifactsUnwritable
from service.storage.circuit_breaker import CircuitBreaker

log = structlog.get_logger()

ATTEMPTS = 3
"""How often a request is sent that times out, or that is answered with a 5xx or SlowDown. botocore waits in between."""
CONNECT_SECONDS, READ_SECONDS = 3, 10
"""How long a connection may take, and how long the server may send nothing of an answer."""
SMALL_SECONDS = 5.0
"""How long a request may take that transfers little: a list, a check, a small object. All its attempts count."""
HEARD_SECONDS = 0.5
"""How lately the bucket must have answered so that a download begins without a check."""
SMALL_BYTES = 256 * 1024
"""What files may have together that are uploaded within that time."""
REST_SECONDS = 5
"""How long requests fail at once after one that S3 didn't answer, so that not every client waits for the timeouts."""
AWAY_CODES = {"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "TooManyRequests"}
"""The codes below 500 of a server that is overloaded, or that waited for a request in vain."""
OVERLOADED = 429
PART_BYTES = 16 * 1024**2
"""Files of twice this size are sent in parts."""
PARTS_AT_ONCE = FILES_AT_ONCE = 4
MOST_DELETED = 1000
"""The objects that S3 deletes in a request at most."""
URL_SECONDS = 900
HEADERS = {"Content-Disposition": "ResponseContentDisposition", "Content-Type": "ResponseContentType"}
"""The headers that a URL can set in the response, and S3's names of the parameters."""


class BucketRefused(ArtifactsUnavailable):
    """The bucket doesn't exist or refuses access: retrying at once doesn't help."""


@dataclass(frozen=True)
class Stored:
    """An object's size, and the Unix time at which it was written."""

    bytes: int
    written_at: float


class Bucket:
    """The objects below a prefix, by name. `location` is BUCKET or BUCKET/PREFIX. Thread-safe.

    Endpoint, region and credentials come from the environment variables of AWS (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID
    and so on), from its files, or from the machine's role.

    All methods raise ArtifactsUnavailable if S3 doesn't answer, and those that write ArtifactsUnwritable if it refuses.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        self.name, _, self._prefix = location.partition("/")
        self._breaker = CircuitBreaker(REST_SECONDS)
        self._written_at = float("-inf")

    @cached_property
    def _files(self) -> Any:
        from s3fs import S3FileSystem

        retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
        timeouts = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
        files = S3FileSystem(
            skip_instance_cache=True,
            use_listings_cache=False,
            max_concurrency=PARTS_AT_ONCE,
            default_block_size=PART_BYTES,
            config_kwargs={"signature_version": "s3v4", "retries": retries, **timeouts},
        )
        files.retries = 1  # botocore already retries
        files.connect()  # which takes a moment that isn't S3's
        return files

    def write(self, name: str, content: bytes) -> None:
        """Write a small object."""
        with self._asking(writing=True):
            self._files.pipe_file(self._path(name), content, timeout=SMALL_SECONDS)

    def upload(self, files: Mapping[str, Path]) -> None:
        """Write objects from files, by name. Large ones are sent in parts. Raises OSError."""
        if not files:
            return
        is_small = sum(path.stat().st_size for path in files.values()) <= SMALL_BYTES
        if not is_small:
            self.check()  # whose timeout is short
        with self._asking(writing=True):
            self._files.put(
                [str(path) for path in files.values()],
                [self._path(name) for name in files],
                batch_size=FILES_AT_ONCE,
                chunksize=PART_BYTES,
                timeout=SMALL_SECONDS if is_small else None,
            )

    def download(self, files: Mapping[str, Path]) -> None:
        """Write objects to files, by name. Raises FileNotFoundError if one is missing, OSError."""
        if not files:
            return
        for folder in {path.parent for path in files.values()}:
            folder.mkdir(parents=True, exist_ok=True)
        self._check_unless_heard()
        with self._asking():
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    self._files.get(
                        [self._path(name) for name in files],
                        [str(path) for path in files.values()],
                        batch_size=FILES_AT_ONCE,
                    )
                    return
                except Exception as error:
                    if attempt == ATTEMPTS or not _is_cut_off(error):
                        raise

    def objects(self, folder: str) -> dict[str, Stored]:
        """All objects below a folder, as `walk` gives them."""
        return dict(self.walk(folder))

    def walk(self, folder: str) -> Iterator[tuple[str, Stored]]:
        """The objects below a folder with their names in it, as they are listed; without the empty ones with which
        other programs show that a folder exists."""
        prefix = self._key(f"{folder}/")
        for page in self._list(prefix):
            for item in page.get("Contents", ()):
                if not item["Key"].endswith("/"):
                    yield item["Key"].removeprefix(prefix), Stored(item["Size"], item["LastModified"].timestamp())

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder."""
        prefix = self._key(f"{folder}/")
        return [
            item["Prefix"].removeprefix(prefix).rstrip("/")
            for page in self._list(prefix, Delimiter="/")
            for item in page.get("CommonPrefixes", ())
        ]

    def _list(self, prefix: str, **parameters: str) -> Iterator[dict[str, Any]]:
        more: dict[str, str] | None = {}
        while more is not None:
            with self._asking():
                page: dict[str, Any] = self._files.call_s3(
                    "list_objects_v2", Bucket=self.name, Prefix=prefix, timeout=SMALL_SECONDS, **parameters, **more
                )
            yield page
            token = page.get("NextContinuationToken")
            more = {"ContinuationToken": token} if token else None

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects, if they exist."""
        with self._asking(writing=True):
            for first in range(0, len(names), MOST_DELETED):
                objects = [{"Key": self._key(name)} for name in names[first : first + MOST_DELETED]]
                answer = self._files.call_s3(
                    "delete_objects", Bucket=self.name, Delete={"Objects": objects, "Quiet": True}
                )
                if refused := answer.get("Errors"):
                    raise ArtifactsUnwritable(PermissionError(errno.EACCES, refused[0]["Code"]), "S3 bucket")

    def abort_uploads(self, folders: Collection[str], moment: float) -> None:
        """Remove the parts of uploads below folders that began before `moment` (Unix time) and weren't completed."""
        prefixes = tuple(self._key(f"{folder}/") for folder in folders)
        with self._asking(writing=True):
            for upload in self._uploads():
                if upload["Key"].startswith(prefixes) and upload["Initiated"].timestamp() < moment:
                    self._files.call_s3(
                        "abort_multipart_upload", Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"]
                    )

    def _uploads(self) -> Iterator[dict[str, Any]]:
        """All uploads in parts below the prefix that weren't completed."""
        more: dict[str, str] | None = {}
        while more is not None:
            page = self._files.call_s3("list_multipart_uploads", Bucket=self.name, Prefix=self._key(""), **more)
            yield from page.get("Uploads", ())
            markers = {"KeyMarker": page.get("NextKeyMarker"), "UploadIdMarker": page.get("NextUploadIdMarker")}
            more = markers if page.get("IsTruncated") else None

    def url(self, name: str, headers: Mapping[str, str]) -> str:
        """A URL from which everybody can download the object for URL_SECONDS. It is made without asking S3."""
        parameters = {HEADERS[header]: value for header, value in headers.items()}
        with self._translating(writing=False):
            found: str = self._files.url(self._path(name), expires=URL_SECONDS, **parameters)
            return found

    def check(self) -> None:
        """Ask whether the bucket answers."""
        with self._asking():
            self._files.call_s3(
                "list_objects_v2", Bucket=self.name, Prefix=self._key(""), MaxKeys=1, timeout=SMALL_SECONDS
            )

    def _check_unless_heard(self) -> None:
        """Check the bucket before a download, whose timeouts are long, unless it has just answered."""
        if self._breaker.silent_seconds > HEARD_SECONDS:
            self.check()

    def _path(self, name: str) -> str:
        return f"{self.name}/{self._key(name)}"

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    @contextmanager
    def _asking(self, *, writing: bool = False) -> Iterator[None]:
        """Ask S3 in the block, unless it is away. Translates what S3 answers."""
        if (failure := self._breaker.find_failure()) is not None:
            raise ArtifactsUnavailable(failure, retry_after=REST_SECONDS)
        with self._translating(writing):
            yield
        self._breaker.note_success()
        if writing:
            self._written_at = time.monotonic()

    @property
    def unwritten_seconds(self) -> float:
        """The seconds since the latest write; infinite before the first one, and after one that was refused."""
        return time.monotonic() - self._written_at

    @contextmanager
    def _translating(self, writing: bool) -> Iterator[None]:
        """Translate the errors of s3fs in the block. Errors of this host's files pass unchanged."""
        try:
            yield
        except ArtifactsError:
            raise
        except FileNotFoundError as error:
            if _code(error) != "NoSuchBucket":
                raise
            detail = "The S3 bucket of FITSERVE_ARTIFACT_URL doesn't exist."
            raise BucketRefused(detail, retry_after=REST_SECONDS) from error
        except Exception as error:
            reason = _reason(error)
            if reason is None:
                raise
            raise self._translate(error, reason, writing) from error

    def _translate(self, error: Exception, reason: str, writing: bool) -> ArtifactsError:
        if isinstance(error, PermissionError):
            if writing:
                self._written_at = float("-inf")
                return ArtifactsUnwritable(PermissionError(errno.EACCES, reason), "S3 bucket")
            detail = f"The S3 bucket of FITSERVE_ARTIFACT_URL refuses access: {reason}."
            return BucketRefused(detail, retry_after=REST_SECONDS)
        log.warning("S3 fails", bucket=self.name, reason=str(error).strip() or type(error).__name__)
        failure = f"The artifact store fails: {reason}."
        if _is_away(error):
            self._breaker.note_failure(failure)
        return ArtifactsUnavailable(failure, retry_after=REST_SECONDS)


def _is_cut_off(error: Exception) -> bool:
    """Whether the connection broke while content was received, which botocore doesn't repeat."""
    from aiohttp import ClientPayloadError
    from botocore.exceptions import IncompleteReadError, ResponseStreamingError

    return isinstance(error, ClientPayloadError | IncompleteReadError | ResponseStreamingError)


def _answer(error: BaseException) -> dict[str, Any] | None:
    """S3's answer; None if the error isn't one."""
    found: dict[str, Any] | None = getattr(error.__cause__, "response", None)
    return found


def _code(error: BaseException) -> str | None:
    """The code of S3's answer; None if the error isn't one."""
    answer = _answer(error)
    return None if answer is None else str(answer.get("Error", {}).get("Code", ""))


def _is_away(error: Exception) -> bool:
    """Whether the server is away or overloaded, so that other requests would fail too. An answer that refuses one
    request, or credentials that are missing here, say nothing about the others."""
    from botocore.exceptions import NoCredentialsError

    answer = _answer(error)
    if answer is None:
        return not isinstance(error, NoCredentialsError)
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or status == OVERLOADED or _code(error) in AWAY_CODES


def _reason(error: Exception) -> str | None:
    """Why S3 failed, in a few words that clients may read; None for an error that isn't about S3."""
    from aiohttp import ClientError as ConnectionFailed
    from botocore import exceptions as botocore

    if _code(error) is not None:
        return f"S3 answers {_code(error)}"
    if isinstance(error, botocore.NoCredentialsError):
        return "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if isinstance(error, botocore.ReadTimeoutError | botocore.ConnectTimeoutError | TimeoutError):
        return "S3 doesn't answer in time"
    if isinstance(error, botocore.EndpointConnectionError | ConnectionFailed | ConnectionError):
        return "S3 can't be reached"
    return type(error).__name__ if isinstance(error, botocore.BotoCoreError) else None
