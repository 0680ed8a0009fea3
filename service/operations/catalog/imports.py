"""What new datasets and new versions have in common: the request is stored for the import, with its data's digest."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import orjson

from models.datasets import APPEND, file_name
from models.errors import Fault
from service import statuses
from service.context import Context
from service.errors import ArtifactsError
from service.operations.catalog.uploads import DATA_FILE, ReceivedFile
from service.storage.artifact_keys import upload_key
from service.storage.records import Dataset, DatasetVersion

UPLOAD = "upload"
"""The `source` of data from a client's file."""
NO_FORM = Fault("Send a file as multipart/form-data, without `source`.", pointer="#/source")
"""The fault of that `source` in JSON."""
DATA = ("source", "parameters", "inputs", "targets", "rows", APPEND, "file", "more_files")
"""The fields of a request that name or contain the data. All others, besides the name, say how to read it."""


def describe_files(files: list[ReceivedFile]) -> dict[str, Any]:
    """The files of an upload as its request names them."""
    first, *others = (file.to_document() for file in files)
    return {"file": first} | ({"more_files": others} if others else {})


def store_request(context: Context, upload: str, request: dict[str, Any], files: list[ReceivedFile]) -> None:
    """Publish the request, and its files, as the upload of this id. Raises OSError, ArtifactsError."""
    folder = files[0].folder if files else context.artifacts.stage(upload)
    digests = {file_name(number): file.sha256 for number, file in enumerate(files)}
    try:
        for number, file in enumerate(files[1:], 1):
            (file.folder / DATA_FILE).replace(folder / file_name(number))
        (folder / "request.json").write_bytes(orjson.dumps(request))
        context.artifacts.publish(folder, upload_key(upload), digests)
    except (OSError, ArtifactsError):
        context.artifacts.discard(folder.name)
        context.artifacts.remove(upload_key(upload))
        raise


def shown_file(request: dict[str, Any]) -> dict[str, Any] | None:
    """The uploaded file as the dataset shows it, with the names of the others."""
    file: dict[str, Any] | None = request.get("file")
    others = [other["name"] for other in request.get("more_files", ())]
    return file | {"more": others} if file is not None and others else file


def new_version(
    dataset: Dataset, number: int, upload: str, request: dict[str, Any], base: DatasetVersion | None = None
) -> DatasetVersion:
    """A version of the dataset that is to be imported from the request, appended to `base` if given."""
    return DatasetVersion(
        id=upload,
        dataset_id=dataset.id,
        number=number,
        status=statuses.PROCESSING,
        source=request["source"],
        base=None if base is None else base.number,
        options=options_of(request),
        file=shown_file(request),
        sha256=_digest(request, base),
        created_at=datetime.now(UTC),
    )


def options_of(request: dict[str, Any]) -> dict[str, Any]:
    """How a request says to read its data."""
    return {name: value for name, value in request.items() if name not in ("name", *DATA) and value is not None}


def _digest(request: dict[str, Any], base: DatasetVersion | None) -> str:
    """The SHA-256 of the file, of several files one after another by their digests, or of the data as compact JSON with
    sorted names. If rows are appended, the digest of what they are appended to precedes them."""
    if request.get("file") is not None:
        digests = [str(file["sha256"]) for file in (request["file"], *request.get("more_files", ()))]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    data = {name: request[name] for name in DATA if request.get(name) is not None}
    before = "" if base is None else base.sha256 or ""
    return hashlib.sha256(before.encode() + orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()
