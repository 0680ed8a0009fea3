"""From a request to a dataset's folder: load the source's rows, cut the splits, describe, write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.datasets import bundled, downloaded, generated
from models.datasets.descriptor import describe_inputs, describe_target
from models.datasets.examples import Examples
from models.datasets.inline import check_inline, read_inline
from models.datasets.keras_cache import Progress
from models.datasets.pointers import pointer_to
from models.datasets.sources import INLINE, SOURCES, find_unknown
from models.datasets.splits import check_split, split_rows
from models.datasets.storage import write_dataset
from models.datasets.tensors import name_type
from models.errors import Fault, InvalidData
from models.limits import Limits

GENERATORS: dict[str, Callable[..., Examples]] = {
    "line": generated.line,
    "circles": generated.circles,
    "moons": generated.moons,
    "spirals": generated.spirals,
    "xor": generated.xor,
    "blobs": generated.blobs,
    "sine": generated.sine,
    "iris": bundled.iris,
    "wine": bundled.wine,
    "breast-cancer": bundled.breast_cancer,
    "diabetes": bundled.diabetes,
    "digits": bundled.digits,
}
DOWNLOADS: dict[str, Callable[[Path, bool, Progress], Examples]] = {
    "mnist": downloaded.mnist,
    "fashion-mnist": downloaded.fashion_mnist,
    "cifar10": downloaded.cifar10,
}


def check_request(request: dict[str, Any]) -> None:
    """What can be known to be wrong without loading anything; raises InvalidData with a fault for each.

    Checks the source's name, its parameters, the split's shares, and the outline of inline data.
    """
    name = request.get("source")
    if name == INLINE:
        faults = check_inline(request) + check_split(request.get("split"))
    elif name == "upload":
        faults = check_split(request.get("split"))
    elif name in SOURCES:
        parameters = request.get("parameters")
        if parameters is None or isinstance(parameters, dict):
            faults = SOURCES[name].find_faults(parameters or {})
        else:
            faults = [Fault(f'"parameters" is an object, not {name_type(parameters)}.', pointer_to("parameters"))]
        faults += check_split(request.get("split"), SOURCES[name].has_test_rows)
    else:
        faults = [find_unknown(str(name), (INLINE, *SOURCES), pointer_to("source"), "source")]
    if faults:
        raise InvalidData(*faults)


def import_dataset(
    request: dict[str, Any],
    folder: Path,
    *,
    upload: Path | None = None,
    cache: Path,
    downloads: bool,
    limits: Limits,
    progress: Progress,
) -> dict[str, Any]:
    """Write the dataset that a request asks for into the empty `folder`; returns its descriptor.

    `request` as posted: `source` with `parameters`, or inline data, and `split`. `cache` is Keras's folder, in which
    `datasets` lies. `progress` is called with the share that is done. Raises InvalidData, SourceUnavailable.
    """
    check_request(request)
    examples, default = _load(request, cache, downloads, limits, progress)
    if examples.rows > limits.rows:
        detail = f"The source has {examples.rows:,} rows; the limit is {limits.rows:,}."
        raise InvalidData(Fault(detail, pointer_to("source")))
    splits = split_rows(examples, request.get("split"), default)
    descriptor = {
        "kind": examples.kind,
        "rows": examples.rows,
        "splits": {name: len(rows) for name, rows in splits.items()},
        "inputs": describe_inputs(examples, splits["train"]),
        "target": describe_target(examples),
    }
    descriptor = write_dataset(folder, examples, splits, descriptor)
    progress(1.0)
    return descriptor


def _load(
    request: dict[str, Any], cache: Path, downloads: bool, limits: Limits, progress: Progress
) -> tuple[Examples, tuple[float, float]]:
    """The source's rows, and the shares of validation and test rows that it takes where none are given."""
    if request["source"] == INLINE:
        return read_inline(request, limits), (0, 0)
    source = SOURCES[request["source"]]
    if source.name in DOWNLOADS:
        return DOWNLOADS[source.name](cache, downloads, lambda share: progress(0.9 * share)), source.split
    return GENERATORS[source.name](**source.complete(request.get("parameters") or {})), source.split
