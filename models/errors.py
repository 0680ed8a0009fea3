"""The errors of the machine-learning side, which can be sent between processes.

Every error has a stable `code`, a sentence, and faults with locations. It has no HTTP status: the api maps codes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

MOST_FAULTS = 100
"""The maximum of faults in an error; the input may have more."""
MOST_ALLOWED = 100
"""The maximum of valid values that a fault lists."""
LONGEST_MESSAGE = 200
ADDRESS = re.compile(r" ?<[^<>]* at 0x[0-9a-fA-F]+>?")
"""Python's default form of an object, such as `<_io.BytesIO object at 0x7f2c1a5b9e40>`."""


@dataclass(frozen=True)
class Fault:
    """One problem with a client's input, and its location.

    `pointer` is a JSON pointer into the posted body as a URI fragment (`#/layers/0/units`); `file`, `row` (from 0)
    and `column` locate a fault within data. `allowed` lists at most MOST_ALLOWED valid values.
    """

    detail: str
    pointer: str | None = None
    file: str | None = None
    row: int | None = None
    column: str | None = None
    allowed: tuple[Any, ...] = ()
    did_you_mean: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed", self.allowed[:MOST_ALLOWED])

    def to_dict(self) -> dict[str, Any]:
        """The fault as JSON, without empty fields."""
        members = {name: value for name, value in vars(self).items() if value is not None and value != ()}
        if self.allowed:
            members["allowed"] = list(self.allowed)
        return members

    @classmethod
    def from_dict(cls, members: dict[str, Any]) -> Self:
        return cls(**{**members, "allowed": tuple(members.get("allowed", ()))})


class ModelsError(Exception):
    """The base of every error that this package raises on purpose."""

    code: ClassVar[str] = "internal"

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults[:MOST_FAULTS])
        self.members: dict[str, Any] = {}
        """Further members of the problem document."""

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON: `code`, `detail`, `faults`, and `members` if there are any."""
        document = {"code": self.code, "detail": self.detail, "faults": [fault.to_dict() for fault in self.faults]}
        return document | ({"members": self.members} if self.members else {})


class InvalidInput(ModelsError):
    """The client's input is invalid; each fault says where and why."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(summarize(faults), faults)


class InvalidSpec(InvalidInput):
    """A model spec that can't become a network."""

    code = "invalid-spec"


class InvalidData(InvalidInput):
    """Data that can't become a dataset, or doesn't fit the network."""

    code = "invalid-data"


class InvalidInstances(InvalidInput):
    """Instances in a prediction request that don't fit the network's input."""

    code = "invalid-instances"


class SourceUnavailable(ModelsError):
    """A built-in source is not in the cache and can't be downloaded."""

    code = "source-unavailable"


class NotServable(ModelsError):
    """The network can't be exported to ONNX, or the export differs from Keras."""

    code = "not-servable"


class NoPicture(ModelsError):
    """The resource has no picture of this kind."""

    code = "no-picture"


class DamagedFile(ModelsError):
    """A stored file is missing, unreadable, or not what was saved."""

    code = "damaged-file"


class DamagedDataset(DamagedFile):
    """A file of a dataset is missing, unreadable, or not what was saved."""

    code = "damaged-dataset"


class DamagedNetwork(NotServable, DamagedFile):
    """A file of a version is missing, unreadable, or not what was saved."""

    code = "damaged-network"


class IncompleteVersion(ModelsError):
    """A version's files are incomplete or inconsistent, so its network can't be loaded."""

    code = "incomplete-version"


class Excessive(ModelsError):
    """A body would become too much: too many values, rows, numbers or bytes of memory."""

    code = "body-too-large"


class TookTooLong(ModelsError):
    """A prediction's deadline passed before it was finished."""

    code = "prediction-timeout"


class Diverged(ModelsError):
    """The loss became NaN or infinite."""

    code = "diverged"


class AccuracyDrop(ModelsError):
    """A variant predicts worse than its version by more than was allowed, or gives numbers that aren't finite."""

    code = "accuracy-drop"

    def __init__(self, detail: str, figures: dict[str, Any]) -> None:
        """`figures` is what was measured: a VariantResult (models/jobs/variant.py) as a document."""
        super().__init__(detail)
        self.members = {"figures": figures}


class NotQuantizable(ModelsError):
    """The network has no operation that can be quantized, or can't be quantized."""

    code = "not-quantizable"


class BadCheckpoint(ModelsError):
    """A checkpoint that is unreadable or belongs to another network."""

    code = "bad-checkpoint"


def describe_problem(problem: BaseException) -> str:
    """A library's message about a client's input, for use within a sentence: its first line, shortened, and without
    objects' addresses in memory."""
    first, *_ = str(problem).strip().splitlines() or [""]
    return ADDRESS.sub("", first[:LONGEST_MESSAGE]).rstrip(" .") or type(problem).__name__


def summarize(faults: Sequence[Fault]) -> str:
    """One sentence for several faults: the first one and the number of the others."""
    first = faults[0].detail
    return first if len(faults) == 1 else f"{first} (and {len(faults) - 1} more)"
