"""The task of a model import: it reads a network's file and writes the files of a version."""

import importlib
from pathlib import Path
from typing import Final

from models.errors import InvalidSpec
from models.files.sums import check_files
from models.jobs.assignment import Phase
from models.jobs.model_import import ModelImportAssignment, ModelImportResult
from models.model_files.fit import blame_file, check_same_network, complete_fields
from models.model_files.formats import ModelFormat
from models.model_files.imported import ImportedNetwork, ImportFields
from models.tasks.channel import Channel

READERS: Final = {
    ModelFormat.KERAS: "models.model_files.keras:import_keras",
    ModelFormat.H5: "models.model_files.keras:import_keras",
    ModelFormat.ONNX: "models.model_files.onnx_file:import_onnx",
}
"""By format. Only the reader that is needed is imported: that of Keras's files imports TensorFlow."""


def run(assignment: ModelImportAssignment, folder: Path, channel: Channel) -> ModelImportResult:
    """Import the network in the assignment's `file` into the folder.

    Raises InvalidSpec if the file, or what the client says about it, is invalid, or if the network is unlike that of
    the model to which it is added; DamagedFile.
    """
    channel.phase(Phase.IMPORT)
    check_files(assignment.file.parent, assignment.file.name)
    if assignment.model is None:
        return ModelImportResult.of(_read(assignment, assignment.fields, folder))
    try:
        imported = _read(assignment, complete_fields(assignment.fields, assignment.model), folder)
        check_same_network(imported, assignment.model)
    except InvalidSpec as error:
        raise blame_file(error, assignment.fields) from error
    return ModelImportResult.of(imported)


def _read(assignment: ModelImportAssignment, fields: ImportFields, folder: Path) -> ImportedNetwork:
    module, _, function = READERS[assignment.format].partition(":")
    reader = getattr(importlib.import_module(module), function)
    imported: ImportedNetwork = reader(assignment.file, fields, folder, assignment.limits)
    return imported
