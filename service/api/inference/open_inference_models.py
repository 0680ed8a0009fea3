"""A version's metadata in the Open Inference Protocol v2, and its configuration in Triton's form."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from models.signature import Datatype, Signature, TensorSpec
from service.operations.inference.predictions import Loaded

PLATFORM = "onnx_onnxv1"
CONFIG_TYPES = {Datatype.FP32: "TYPE_FP32", Datatype.BYTES: "TYPE_STRING"}
PICTURE_AXES = 4
"""Rows, height, width and channels."""
PICTURE, NO_FORMAT = "FORMAT_NHWC", "FORMAT_NONE"
Document = dict[str, Any]


def describe_metadata(model: str, signature: Signature, versions: Iterable[int | None]) -> Document:
    """The tensors of a version, and the numbers of the model's versions that can predict."""
    return {
        "name": model,
        "versions": [str(number) for number in versions],
        "platform": PLATFORM,
        "inputs": [asdict(spec) for spec in signature.inputs.values()],
        "outputs": [asdict(signature.output)],
    }


def describe_config(loaded: Loaded) -> Document:
    """The configuration of a version. Its `dims` exclude the axis of rows, which `max_batch_size` limits."""
    signature = loaded.predictor.signature
    return {
        "name": loaded.model,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "runtime": "",
        "version_policy": {"all": {}},
        "max_batch_size": loaded.max_batch_size,
        "input": [_describe_input(spec, signature) for spec in signature.inputs.values()],
        "output": [_describe_type(signature.output) | {"label_filename": "", "is_shape_tensor": False}],
        "batch_input": [],
        "batch_output": [],
        "optimization": {"priority": "PRIORITY_DEFAULT"},
        "instance_group": [{"name": f"{loaded.model}_0", "kind": "KIND_CPU", "count": 1, "gpus": []}],
        "default_model_filename": "network.onnx",
        "cc_model_filenames": {},
        "metric_tags": {},
        "parameters": {},
        "model_warmup": [],
    }


def _describe_input(spec: TensorSpec, signature: Signature) -> Document:
    picture = signature.takes_pictures(spec.name) and len(spec.shape) == PICTURE_AXES
    return _describe_type(spec) | {
        "format": PICTURE if picture else NO_FORMAT,
        "is_shape_tensor": False,
        "allow_ragged_batch": False,
        "optional": False,
    }


def _describe_type(spec: TensorSpec) -> Document:
    return {"name": spec.name, "data_type": CONFIG_TYPES[spec.datatype], "dims": spec.shape[1:]}
