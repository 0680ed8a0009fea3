"""Specs of tiny networks for tests that need no Keras."""

from typing import Any

from models.spec import InputSpec, NetworkSpec


def make_spec(
    task: str = "multiclass",
    inputs: dict[str, InputSpec] | None = None,
    loss: str | dict[str, Any] = "categorical_crossentropy",
    layers: list[dict[str, Any]] | None = None,
    **input_: Any,
) -> NetworkSpec:
    """A spec with the inputs given, or with a single one of `shape` and `scaling`."""
    documents = {name: spec.to_document() for name, spec in (inputs or {}).items()} or {
        "input": input_ or {"shape": [2]}
    }
    return NetworkSpec.from_document(
        {
            "task": task,
            "inputs": documents,
            "layers": layers or [{"type": "Dense", "units": 3}],
            "optimizer": "adam",
            "loss": loss,
        }
    )
