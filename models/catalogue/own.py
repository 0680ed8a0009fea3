"""The components that Keras doesn't have, in the form of the catalogue's file. Data only."""

from typing import Any


def parameter(name: str, type_: str, description: str, **members: Any) -> dict[str, Any]:
    """A parameter that is optional unless `members` specify otherwise."""
    usual = {"required": False, "default": None, "minimum": None, "maximum": None, "allowed": None, "length": None}
    return {"name": name, "type": type_, "description": description} | usual | members


PRETRAINED: dict[str, Any] = {
    "type": "Pretrained",
    "category": "transfer",
    "description": "The trained layers of a model's version, from its input up to and including one of them, as one "
    "layer. They are copied when the new model is created: the version may be deleted afterwards. The version's "
    "preprocessing isn't included: the new model uses its own `input` and scaling, so set them to those of the "
    "version's model.",
    "aliases": [],
    "tasks": [],
    "tensors": {"least": 1, "most": 1, "as_list": False},
    "parameters": [
        parameter("model", "name", "The model that the version belongs to.", required=True),
        parameter("version", "integer", "The version's number; either `version` or `label` is required.", minimum=1),
        parameter(
            "label",
            "name",
            "Instead of `version`: the version to which the label currently points; the model shows its number.",
        ),
        parameter("until", "name", "The name of the last layer to use; null uses all layers."),
        parameter("name", "name", "The layer's name in summaries and files, unique within the network."),
        parameter(
            "trainable",
            "boolean",
            "Whether training changes the weights of all these layers. If false, normalization layers also run in "
            "inference mode.",
            default=True,
        ),
    ],
}

PLATEAU: dict[str, Any] = {
    "type": "ReduceLROnPlateau",
    "category": "monitoring",
    "description": "Multiplies the learning rate by `factor` when the monitored metric has stopped improving. "
    "Keras's callback of that name: a schedule of training jobs, not of optimizers.",
    "aliases": [],
    "tasks": [],
    "tensors": None,
    "parameters": [
        parameter("monitor", "string", "`loss` or a metric, prefixed with `val_` for the validation rows; null is the "
                  "validation loss, or the training loss without validation rows."),
        parameter("factor", "number", "The factor of the learning rate.", default=0.1, minimum=0, maximum=0.999),
        parameter("patience", "integer", "Epochs without improvement before a change.", default=10, minimum=0),
        parameter("min_delta", "number", "A smaller change is no improvement.", default=0.0001, minimum=0),
        parameter("cooldown", "integer", "Epochs to wait after a change.", default=0, minimum=0),
        parameter("min_lr", "number", "The lower limit of the learning rate.", default=0.0, minimum=0),
    ],
}  # fmt: skip
"""A schedule that only a training job can use, because it monitors the results of epochs."""
