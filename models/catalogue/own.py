"""The components that Keras doesn't have, as the catalogue's file holds them. Data alone."""

from typing import Any


def parameter(name: str, type_: str, description: str, **members: Any) -> dict[str, Any]:
    """A parameter that may be left out, unless `members` say otherwise."""
    usual = {"required": False, "default": None, "minimum": None, "maximum": None, "allowed": None, "length": None}
    return {"name": name, "type": type_, "description": description} | usual | members


PRETRAINED: dict[str, Any] = {
    "type": "Pretrained",
    "category": "transfer",
    "description": "The trained layers of a model's version, from its input up to and including one of them, as one "
    "layer. They are copied when the new model is made: the version may be deleted afterwards. What the version's "
    "preprocessing did isn't part of them: the new model's own `input` and scaling count, so give it those of the "
    "version's model.",
    "aliases": [],
    "tasks": [],
    "tensors": {"least": 1, "most": 1, "as_list": False},
    "parameters": [
        parameter("model", "name", "The model that the version belongs to.", required=True),
        parameter("version", "integer", "The version's number; this or `label` is needed.", minimum=1),
        parameter(
            "label",
            "name",
            "Instead of `version`: the version that the label points to now; the model shows its number.",
        ),
        parameter("until", "name", "The name of the last layer that is taken; null takes all layers."),
        parameter("name", "name", "The layer's name in summaries and files, unique within the network."),
        parameter(
            "trainable",
            "boolean",
            "Whether training changes the weights: holds for all layers that are taken. Without, normalizing layers "
            "go on as they do when predicting.",
            default=True,
        ),
    ],
}

PLATEAU: dict[str, Any] = {
    "type": "ReduceLROnPlateau",
    "category": "monitoring",
    "description": "Multiplies the learning rate by `factor` when what is monitored hasn't improved for a while. "
    "Keras's callback of that name: a schedule of training jobs, not of optimizers.",
    "aliases": [],
    "tasks": [],
    "tensors": None,
    "parameters": [
        parameter("monitor", "string", "`loss` or a metric, with `val_` before it for the validation rows; null is the "
                  "validation loss if there are such rows."),
        parameter("factor", "number", "What the rate is multiplied by.", default=0.1, minimum=0, maximum=0.999),
        parameter("patience", "integer", "Epochs without improvement that are borne.", default=10, minimum=0),
        parameter("min_delta", "number", "Less than this is no improvement.", default=0.0001, minimum=0),
        parameter("cooldown", "integer", "Epochs to wait after a change.", default=0, minimum=0),
        parameter("min_lr", "number", "The learning rate never goes below this.", default=0.0, minimum=0),
    ],
}  # fmt: skip
"""A schedule that only a training job can have, since it looks at the epochs' results."""
