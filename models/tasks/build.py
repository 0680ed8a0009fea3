"""The task of a build job: it checks a spec by building, exporting and comparing its network."""

from pathlib import Path

from models.building import build_network, print_summary, summarize_network
from models.compatibility import check_target
from models.errors import Fault, InvalidSpec, NotServable
from models.export import export_onnx
from models.jobs.assignment import Phase
from models.jobs.build import BuildAssignment, BuildResult
from models.parity import check_export, random_rows
from models.pretrained_weights import copy_pretrained, save_pretrained
from models.tasks.channel import Channel
from models.weights import weight_values

COMPARED_ROWS = 8
SEED = 0
"""The initial weights must be the same whenever the same spec is checked."""


def run(assignment: BuildAssignment, folder: Path, channel: Channel) -> BuildResult:
    """Build the assignment's network.

    Copies the weights of its Pretrained layers from the versions in `sources` into the folder, which contains nothing
    else afterwards. Raises InvalidSpec, also if the network can't be served or can't learn the target of `made_for`.
    """
    channel.phase(Phase.BUILD)
    spec, limits = assignment.spec, assignment.limits
    network = build_network(spec, limits, seed=SEED)
    summary = summarize_network(network)
    if assignment.made_for is not None:
        last = summary["layers"][-1]
        check_target(
            spec, tuple(last["output_shape"]), assignment.made_for.target, assignment.made_for.name, last["name"]
        )
    copy_pretrained(network, spec, assignment.sources, limits)
    channel.phase(Phase.EXPORT)
    path = folder / "network.onnx"
    try:
        export_onnx(spec, weight_values(network), path)
        check_export(network, path, random_rows(network, COMPARED_ROWS))
    except NotServable as error:
        raise InvalidSpec(Fault(f"This network can't be served: {error.detail}", pointer="#/layers")) from error
    path.unlink()
    if assignment.sources:
        save_pretrained(network, folder)
    return BuildResult(summary, print_summary(network))
