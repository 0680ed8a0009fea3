"""The task that turns a posted request into a dataset's files."""

from pathlib import Path
from typing import Any

import orjson

from models.datasets import import_dataset
from models.limits import Limits
from models.tasks.channel import Channel

REQUEST_FILE = "request.json"


def run(assignment: dict[str, Any], folder: Path, channel: Channel) -> dict[str, Any]:
    """Import the request that lies in the assignment's `upload` folder; the result has the `descriptor`."""
    upload = Path(assignment["upload"])
    request = orjson.loads((upload / REQUEST_FILE).read_bytes())
    descriptor = import_dataset(
        request,
        folder,
        upload=upload,
        cache=Path(assignment["cache"]),
        downloads=assignment["downloads"],
        limits=Limits(**assignment["limits"]),
        progress=lambda fraction: channel.progress({"fraction": fraction}),
    )
    return {"descriptor": descriptor}
