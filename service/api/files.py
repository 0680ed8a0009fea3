"""Sends the files of versions: whole, in ranges, or not again where the client has them."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from flask import Response, send_file

from service.api.bodies import JSON, write_json
from service.api.negotiation import choose

NPZ = "application/x-npz"
OCTETS = "application/octet-stream"
MOST_NUMBERS_AS_JSON = 10_000


def send_artifact(path: Path, entry: dict[str, Any], name: str) -> Response:
    """The file of a version's `artifacts` entry, with its SHA-256 as the ETag."""
    media_type = JSON if path.suffix == ".json" else OCTETS
    return _send(path, media_type, f"{name}{path.suffix}", entry["sha256"])


def send_weights(path: Path, name: str) -> Response:
    """Weights as NPZ, or as JSON where the client prefers it and they are few. Raises NotAcceptable."""
    with np.load(path, allow_pickle=False) as archive:
        weights = {name: archive[name] for name in archive.files}
    few = sum(values.size for values in weights.values()) <= MOST_NUMBERS_AS_JSON
    hint = "" if few else f" JSON is for at most {MOST_NUMBERS_AS_JSON:,} numbers."
    if choose(*((NPZ, JSON) if few else (NPZ,)), hint=hint) == NPZ:
        response = _send(path, NPZ, f"{name}.npz", hashlib.sha256(path.read_bytes()).hexdigest())
    else:
        response = write_json({"weights": [_describe(name, values) for name, values in weights.items()]})
    response.vary.add("Accept")
    return response


def _describe(name: str, values: np.ndarray) -> dict[str, Any]:
    return {"name": name, "shape": list(values.shape), "values": values.tolist()}


def _send(path: Path, media_type: str, name: str, digest: str) -> Response:
    return send_file(path, media_type, as_attachment=True, download_name=name, etag=digest, last_modified=0)
