"""The task that proves a spec: its network is built, exported and compared before anyone trains it."""

from pathlib import Path
from typing import Any

from models.building import build_network, print_summary, summarize_network
from models.compatibility import check_target
from models.errors import Fault, InvalidSpec, NotServable
from models.export import compare_with_keras, export_onnx, random_rows
from models.limits import Limits
from models.pretrained_weights import copy_pretrained, save_pretrained
from models.spec import NetworkSpec
from models.tasks.channel import Channel

COMPARED_ROWS = 8
SEED = 0
"""The fresh weights only have to be the same whenever the same spec is checked."""


def run(assignment: dict[str, Any], folder: Path, channel: Channel) -> dict[str, Any]:
    """Build the assignment's `document`; the result has `summary` and `summary_text`.

    The weights of its Pretrained layers are copied from the versions that lie in `sources`, by the layers' places, and
    are all that is left in the folder.

    Raises InvalidSpec, also when the network can't be served, or can't learn the target of `made_for`, the name and
    target of the dataset that the document names, if it names one.
    """
    spec = NetworkSpec.from_document(assignment["document"])
    limits = Limits(**assignment["limits"])
    network = build_network(spec, limits, seed=SEED)
    summary = summarize_network(network)
    if assignment["made_for"] is not None:
        last = summary["layers"][-1]
        check_target(spec, tuple(last["output_shape"]), assignment["made_for"], last["name"])
    sources = {int(place): Path(path) for place, path in assignment["sources"].items()}
    copy_pretrained(network, spec, sources, limits)
    path = folder / "network.onnx"
    try:
        export_onnx(network, path)
        compare_with_keras(network, path, random_rows(network, COMPARED_ROWS))
    except NotServable as error:
        raise InvalidSpec(Fault(f"This network can't be served: {error.detail}", pointer="#/layers")) from error
    path.unlink()
    if sources:
        save_pretrained(network, folder)
    return {"summary": summary, "summary_text": print_summary(network)}
