"""The task of an import job: it converts a posted request into a dataset's files."""

from pathlib import Path

import orjson

from models.datasets import import_dataset
from models.files.sums import check_files
from models.jobs.assignment import Phase
from models.jobs.dataset_import import ImportAssignment, ImportResult
from models.tasks.channel import Channel

REQUEST_FILE = "request.json"


def run(assignment: ImportAssignment, folder: Path, channel: Channel) -> ImportResult:
    """Import the request in the assignment's `upload` folder. Raises InvalidData, DamagedFile."""
    channel.phase(Phase.IMPORT)
    check_files(assignment.upload, REQUEST_FILE)
    request = orjson.loads((assignment.upload / REQUEST_FILE).read_bytes())
    descriptor = import_dataset(
        request,
        folder,
        upload=assignment.upload,
        base=assignment.base,
        cache=assignment.cache,
        downloads=assignment.downloads,
        limits=assignment.limits,
        progress=lambda fraction: channel.progress({"fraction": fraction}),
    )
    return ImportResult(descriptor)
