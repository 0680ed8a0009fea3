"""Writes and reads checkpoints, and the variables in them."""

import json
import os
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np

from models.errors import BadCheckpoint, DamagedFile
from models.files.sums import check_files
from models.training.checkpoint_state import CheckpointState
from models.training.plan import Checkpoint

FILE = "checkpoint.npz"
STATE = "state"
VARIABLE = "variable/"


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint into a new folder, synced to disk."""
    folder.mkdir(parents=True)
    document = {"epoch": checkpoint.epoch, "step": checkpoint.step, "state": checkpoint.state.to_document()}
    encoded = np.frombuffer(json.dumps(document).encode(), np.uint8)
    with (folder / FILE).open("wb") as file:
        np.savez(file, allow_pickle=False, **{STATE: encoded}, **checkpoint.arrays)
        file.flush()
        os.fsync(file.fileno())


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read what write_checkpoint wrote. Raises BadCheckpoint."""
    try:
        check_files(folder, FILE)
        with np.load(folder / FILE, allow_pickle=False) as file:
            document = json.loads(file[STATE].tobytes())
            arrays = {name: file[name] for name in file.files if name != STATE}
        state = CheckpointState.from_document(document["state"])
        return Checkpoint(document["epoch"], document["step"], state, arrays)
    except DamagedFile as error:
        raise BadCheckpoint(f"The checkpoint is unreadable: {error.detail}") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise BadCheckpoint(f"The checkpoint is unreadable ({type(error).__name__}).") from error


def copy_variables(network: keras.Model) -> dict[str, np.ndarray]:
    """The values of everything that training changes: weights, seeds of random layers, optimizer, metrics."""
    return {f"{VARIABLE}{number}": np.array(variable.numpy()) for number, variable in enumerate(_variables(network))}


def restore_variables(network: keras.Model, arrays: dict[str, np.ndarray]) -> None:
    """Restore copied values into a network that was built and compiled from the same spec. Raises BadCheckpoint."""
    variables = _variables(network)
    values = [arrays.get(f"{VARIABLE}{number}") for number in range(len(variables) + 1)]
    fits = values.pop() is None and all(
        value is not None and value.shape == tuple(variable.shape)
        for variable, value in zip(variables, values, strict=True)
    )
    if not fits:
        raise BadCheckpoint("The checkpoint belongs to another network.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _variables(network: keras.Model) -> list[keras.Variable]:
    metrics = [variable for metric in network.metrics for variable in metric.variables]
    found = [*network.variables, *network.optimizer.variables, *metrics]
    return list({id(variable): variable for variable in found}.values())
