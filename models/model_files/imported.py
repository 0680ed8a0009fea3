"""What the import of a network's file takes, and what comes out of it."""

from dataclasses import dataclass
from typing import Any

from models.spec import Task
from models.version_details import VersionDetails


@dataclass(frozen=True)
class ImportFields:
    """What a client says about the network in a file, as far as it says it. The file's reader checks it against the
    network, and raises InvalidSpec with the pointer of the field (`#/classes`)."""

    task: Task | None = None
    """None: inferred from the file's loss or last activation, with a note."""
    classes: list[Any] | None = None
    """The labels in the order of the outputs; None: their numbers, with a note."""
    input: dict[str, Any] | None = None
    """The input as in a model's spec (`shape`, `scaling`, pictures), for what the file doesn't say."""
    input_name: str | None = None
    """Not from the client: what the model to which the network is added calls its single input. Keras numbers the
    inputs of a session, so that the same network has another name in the next one."""


@dataclass(frozen=True)
class ImportedNetwork:
    """A network whose files, those of a version, are in the import's folder."""

    document: dict[str, Any]
    """The network as in a posted model: `task`, `inputs`, `layers`, `optimizer`, `loss`, `metrics`. For a network that
    can't be trained `layers` is empty, `optimizer` and `loss` are None."""
    trainable: bool
    summary: dict[str, Any]
    """Its layers and numbers of parameters, as models.building describes them."""
    summary_text: str
    version: VersionDetails
    notes: tuple[str, ...] = ()
    """What was inferred, converted or ignored, in sentences."""
