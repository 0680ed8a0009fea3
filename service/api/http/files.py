"""Sends the files of versions and batch predictions: complete, as a byte range, or as 304."""

import io
import math
import zipfile
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
from flask import Response, request, send_file
from numpy.lib import format as npy
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import dump_options_header

from models.batches.results import stream_csv, stream_json_lines
from models.version_details import ArtifactFile
from service.api.http.bodies import write_json
from service.api.http.conditional import is_known
from service.api.http.media_types import CSV, JSON, JSON_LINES, NPZ, OCTETS, PARQUET, ZIP
from service.api.http.negotiation import choose
from service.operations.jobs.kinds.batch_prediction import Result
from service.operations.stored_files import StoredFile

MOST_NUMBERS_AS_JSON = 10_000


def send_artifact(stored: StoredFile, file: ArtifactFile, name: str) -> Response:
    """Send a file of a version, or where to download it, with its SHA-256 as the ETag. Raises NotAcceptable."""
    suffix = Path(stored.name).suffix
    media_type = choose(*{".json": (JSON, OCTETS), ".zip": (ZIP, OCTETS)}.get(suffix, (OCTETS,)))
    return _send_stored(stored, media_type, f"{name}{suffix}", file.sha256)


def send_weights(path: Path, name: str) -> Response:
    """Send weights as NPZ, or as JSON if the client prefers it and there are few. Raises NotAcceptable.

    The file never changes, so its ETag is the version's folder, which is unique.
    """
    if _choose_weights(_count_numbers(path) <= MOST_NUMBERS_AS_JSON) == NPZ:
        return _send(path, NPZ, f"{name}.npz", "-".join(path.parent.parts[-2:]))
    with np.load(path, allow_pickle=False) as weights:
        return _write_weights(weights)


def send_arrays(weights: Mapping[str, np.ndarray], name: str, digest: str) -> Response:
    """Send weights that aren't stored as NPZ, as `send_weights` does. Raises NotAcceptable.

    `digest` identifies them.
    """
    few = sum(values.size for values in weights.values()) <= MOST_NUMBERS_AS_JSON
    if _choose_weights(few) == NPZ:
        file, arrays = io.BytesIO(), dict[str, Any](weights)
        np.savez(file, **arrays)
        file.seek(0)
        return _send(file, NPZ, f"{name}.npz", digest)
    return _write_weights(weights)


def _choose_weights(few: bool) -> str:
    hint = "" if few else f" JSON is available for at most {MOST_NUMBERS_AS_JSON:,} numbers."
    return choose(*((NPZ, JSON) if few else (NPZ,)), hint=hint)


def _write_weights(weights: Mapping[str, np.ndarray]) -> Response:
    return write_json({"weights": [_describe(name, values) for name, values in weights.items()]})


def send_predictions(result: Result, name: str) -> Response:
    """Send the result of a batch prediction as CSV, JSON Lines or Parquet, as the client prefers. Raises NotAcceptable.

    The result never changes, so its ETag is the name and the format.
    """
    media_type = choose(CSV, JSON_LINES, PARQUET)
    if media_type == PARQUET:
        return _send_stored(result.file, PARQUET, f"{name}.parquet", f"{name}-parquet")
    path, as_csv = result.file.open(), media_type == CSV
    pieces = stream_csv(path, result.classes) if as_csv else stream_json_lines(path)
    response, format_ = Response(pieces, mimetype=media_type), "csv" if as_csv else "jsonl"
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}.{format_}")
    response.set_etag(f"{name}-{format_}")
    return response


def _count_numbers(path: Path) -> int:
    """Count the numbers in an NPZ file. Reads only the headers of its arrays."""
    with zipfile.ZipFile(path) as archive:
        return sum(_read_size(archive, member) for member in archive.namelist())


def _read_size(archive: zipfile.ZipFile, member: str) -> int:
    with archive.open(member) as file:
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, _ = read_header(file)
    return math.prod(shape)


def _describe(name: str, values: np.ndarray) -> dict[str, Any]:
    return {"name": name, "shape": list(values.shape), "values": values.tolist()}


def _send_stored(stored: StoredFile, media_type: str, name: str, digest: str) -> Response:
    """Send a stored file; or 303 with the URL from which the client can download it, which is for GET only."""
    url = None
    if request.method == "GET" and not is_known(digest):
        disposition = dump_options_header("attachment", {"filename": name})
        url = stored.url({"Content-Disposition": disposition, "Content-Type": media_type})
    if url is None:
        return _send(stored.open(), media_type, name, digest)
    response = Response(status=HTTPStatus.SEE_OTHER, headers={"Location": url})
    response.set_etag(digest)
    return response


def _send(file: Path | io.BytesIO, media_type: str, name: str, digest: str) -> Response:
    response = send_file(file, media_type, as_attachment=True, download_name=name, conditional=False, etag=digest)
    # Two files of the same name may have been written within the same second: only the ETag distinguishes them.
    del response.headers["Last-Modified"]
    asked = {"HTTP_RANGE": request.headers["Range"]} if _wants_range(digest) else {}
    size = response.content_length
    try:
        response.make_conditional({"REQUEST_METHOD": "GET", **asked}, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        response.close()
        raise
    return response


def _wants_range(digest: str) -> bool:
    """Whether to send a part of the file. Other ranges are ignored, as RFC 9110, section 14.2, allows."""
    if request.method != "GET" or request.range is None or is_known(digest):
        return False
    is_single = request.range.units == "bytes" and len(request.range.ranges) == 1
    return is_single and request.headers.get("If-Range") in (None, f'"{digest}"')
