"""The process that reads an ONNX file that someone else made, with limits on its memory, time and files.

It reads the request as JSON from its input, and writes the network, or what is invalid, as JSON to its output.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from models.process_limits import lower_limits

MEMORY_BYTES, MEMORY_TIMES = 2 * 1024**3, 12
"""What the process may take: MEMORY_BYTES, and MEMORY_TIMES the file, which is in memory in several forms."""
CPU_SECONDS = 60


def limit_process(size: int) -> None:
    """Limit what this process may take for a file of `size` bytes."""
    memory = MEMORY_BYTES + MEMORY_TIMES * size
    lower_limits(
        {
            resource.RLIMIT_AS: memory,
            resource.RLIMIT_CPU: CPU_SECONDS,
            resource.RLIMIT_FSIZE: memory,
            resource.RLIMIT_CORE: 0,
        }
    )


def reply_to(request: dict[str, Any]) -> dict[str, Any]:
    """The imported network, or its faults."""
    from models.errors import InvalidSpec
    from models.limits import Limits
    from models.model_files.imported import ImportFields
    from models.model_files.onnx_version import make_version
    from models.spec import Task

    fields = request["fields"]
    posted = ImportFields(fields["task"] and Task(fields["task"]), fields["classes"], fields["input"])
    try:
        network = make_version(Path(request["path"]), posted, Path(request["folder"]), Limits(**request["limits"]))
    except InvalidSpec as error:
        return {"faults": [fault.to_dict() for fault in error.faults]}
    members = {name: getattr(network, name) for name in ("document", "trainable", "summary", "summary_text", "notes")}
    return {"network": members | {"version": network.version.to_document()}}


def main() -> None:
    request = json.loads(sys.stdin.buffer.read())
    limit_process(Path(request["path"]).stat().st_size)
    # Libraries that print must not disturb the reply.
    output = os.dup(1)
    os.dup2(2, 1)
    reply = json.dumps(reply_to(request))
    with open(output, "w", encoding="utf-8") as file:
        file.write(reply)


if __name__ == "__main__":
    main()
