"""Takes the snapshots of a network in training."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.building import rows_at_once
from models.jobs.training import FEWEST_SNAPSHOTS, SNAPSHOTS_LIMITED, TrainingAssignment
from models.snapshot_writing import Described, begin
from models.snapshots import write_epoch
from models.tasks.channel import Channel
from models.versions import TrainedNetwork, describe_trained
from models.weights import named_weights, weight_values

SMALL = 2**16
"""The bytes of weights that are reported at most. The supervisor writes those that are kept, so that a training whose
epochs take milliseconds waits for no disk."""


class Snapshots:
    """Writes the weights of a network at the end of an epoch into a folder of snapshots."""

    def __init__(self, folder: Path, network: keras.Model, described: Described) -> None:
        self._folder = folder
        self._network = network
        self._described = described
        self._begun = False
        variables = [weight.value for weight in named_weights(network).values()]
        self._handles = [(variable.handle, variable.dtype) for variable in variables]

    def take(self, epoch: int, weights: np.ndarray | None = None) -> dict[str, Any]:
        """The snapshot of an epoch as `Channel.epoch` takes it: a file, unless a small network has few weights.

        `weights` has all weights, if they are at hand. An optimizer that averages weights does so at the end of the
        training: these are the weights before that. Raises OSError.
        """
        if not self._begun:
            begin(self._folder, self._described, weight_values(self._network))
            self._begun = True
        parts = self._read() if weights is None else [weights]
        if sum(part.nbytes for part in parts) <= SMALL:
            return {"weights": b64encode(b"".join(part.tobytes() for part in parts)).decode()}
        size, sha256 = write_epoch(self._folder, epoch, [part.data for part in parts])
        return {"bytes": size, "sha256": sha256}

    def _read(self) -> list[np.ndarray]:
        # A third of the time of `variable.numpy()`.
        read = tf.raw_ops.ReadVariableOp
        return [np.ascontiguousarray(read(resource=handle, dtype=dtype).numpy()) for handle, dtype in self._handles]


def prepare_snapshots(assignment: TrainingAssignment, trained: TrainedNetwork, channel: Channel) -> Snapshots | None:
    """What takes the snapshots; None if the job keeps none. Warns if fewer fit than it should keep."""
    wanted = assignment.request.snapshots
    if wanted is None or assignment.snapshots is None:
        return None
    size = max(1, sum(values.nbytes for values in weight_values(trained.network).values()))
    fitting = assignment.snapshot_bytes // size
    if fitting < max(FEWEST_SNAPSHOTS, wanted.keep or 0):
        count = "none" if fitting < FEWEST_SNAPSHOTS else f"{fitting:,} of {wanted.keep:,}"
        limit = f"FITSERVE_SNAPSHOT_BYTES allows {assignment.snapshot_bytes:,} bytes"
        channel.warning(SNAPSHOTS_LIMITED, f"A snapshot has {size:,} bytes and {limit}: the job keeps {count}.")
    if fitting < FEWEST_SNAPSHOTS or wanted.keep == 0:
        return None
    described = Described(
        trained.spec,
        trained.preprocessing,
        trained.encoding,
        describe_trained(trained),
        rows_at_once(trained.network),
    )
    return Snapshots(assignment.snapshots, trained.network, described)
