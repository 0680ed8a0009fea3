"""Resolves the layers that a model takes from versions of other models, and writes them into its document."""

from typing import Any

from models.compatibility import check_vocabularies
from models.errors import Fault, IncompleteVersion, InvalidSpec
from models.pretrained import NETWORK, pretrained_layers, take_layers
from models.spec import NetworkSpec
from models.validation import check_outputs
from models.version_differences import check_taken_inputs
from models.version_files import ARTIFACTS, read_document, read_spec
from service.context import Context
from service.errors import InvalidRequest
from service.operations.catalog.sources import Source, find_source


def complete_layers(context: Context, document: dict[str, Any]) -> tuple[dict[str, Any], list[Source]]:
    """The document with its Pretrained layers resolved, and the versions that they come from.

    Raises InvalidSpec with the faults of all Pretrained layers, or of layers that don't take all tokens of a text.
    """
    layers, sources = list(document["layers"]), []
    faults: list[Fault] = []
    for place, layer in pretrained_layers(layers).items():
        pointer = f"#/layers/{place}"
        try:
            with context.database.read() as session:
                source = find_source(session, layer, pointer, place=place)
            folder = context.artifacts.folder(source.version.folder)
            preprocessing = read_document(folder / ARTIFACTS["preprocessing"])["inputs"]
            network = take_layers(read_spec(folder), layer.get("until"), pointer, preprocessing)
        except IncompleteVersion as error:
            faults.append(Fault(error.detail, f"{pointer}/version"))
            continue
        except (InvalidRequest, InvalidSpec) as error:
            faults += error.faults
            continue
        named = {name: value for name, value in layer.items() if name != "label"}
        layers[place] = named | {"version": source.version.number, NETWORK: network}
        sources.append(source)
    if faults:
        raise InvalidSpec(*faults)
    document = {**document, "layers": layers}
    if sources:
        check_outputs(document)
        check_taken_inputs(NetworkSpec.from_document(document))
    check_vocabularies(NetworkSpec.from_document(document))
    return document, sources
