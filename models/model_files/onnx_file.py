"""Imports an ONNX file that someone else made: as it is, for predictions and evaluations, not for training.

Everything that reads the file runs in a process of its own (onnx_process.py): a hostile file can crash a parser or
ONNX Runtime, or make them take any memory and time, whatever is checked before.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

from models.errors import Fault, InvalidSpec
from models.limits import Limits
from models.model_files.imported import ImportedNetwork, ImportFields
from models.version_details import VersionDetails

SECONDS = 60
"""How long the checks and the first runs may take."""
FILE = "#/file"
PROCESS = "models.model_files.onnx_process"


def import_onnx(path: Path, fields: ImportFields, folder: Path, limits: Limits) -> ImportedNetwork:
    """Write the files of a version for the network of an ONNX file into the empty `folder`.

    The version has an ONNX network, normalised to what models/runtime.py runs (float32, rows first, one output), and
    its preprocessing; it has no weights and no Keras file. Raises InvalidSpec, with the pointer `#/file` or that of a
    field; the folder is empty then.
    """
    request = {
        "path": str(path.absolute()),
        "folder": str(folder.absolute()),
        "fields": asdict(fields),
        "limits": asdict(limits),
    }
    try:
        return _read_reply(_run(json.dumps(request)))
    except BaseException:
        _clear(folder)
        raise


def _run(request: str) -> bytes:
    """The reply of the process. Raises InvalidSpec if it ends without one."""
    # Hostile code that ONNX Runtime might be made to run gets no secrets from the environment.
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.defpath}
    command = [sys.executable, "-m", PROCESS]
    try:
        done = subprocess.run(
            command, input=request.encode(), capture_output=True, env=environment, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InvalidSpec(
            Fault(f"Loading the network and computing a row takes more than {SECONDS} s.", FILE)
        ) from error
    if done.returncode:
        print(f"Reading the ONNX file ended with {done.returncode}: {done.stderr[-2000:].decode(errors='replace')}")
        raise InvalidSpec(
            Fault("The network can't be loaded: it needs too much memory or time, or ONNX Runtime fails on it.", FILE)
        )
    return done.stdout


def _read_reply(reply: bytes) -> ImportedNetwork:
    document = json.loads(reply)
    if "faults" in document:
        raise InvalidSpec(*map(Fault.from_dict, document["faults"]))
    network = ImportedNetwork(**document["network"])
    return replace(
        network, version=VersionDetails.from_document(document["network"]["version"]), notes=tuple(network.notes)
    )


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
