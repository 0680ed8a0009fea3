"""The pages of the ideas: each explains one idea of neural networks with a drawing that can be changed."""

import json
from dataclasses import dataclass, field
from typing import Any

from flask import Response, abort, request

from service.api.http.links import public
from service.api.ui.blueprint import page, page_blueprint, show


@dataclass(frozen=True)
class Idea:
    """A page: what can be tried on it, where the service does the same, and a request that does it."""

    name: str
    attempts: tuple[str, ...]
    """The suggestions of the list "What to try", by the end of their text's key."""
    path: str
    """The path of a request that does it for real."""
    body: dict[str, Any] | None = None
    query: str = ""
    playground: dict[str, str] = field(default_factory=dict)


_LINE = {"task": "regression", "input": {"shape": [1]}, "layers": [{"type": "Dense", "units": 1}]}

IDEAS = (
    Idea(
        "neuron",
        ("fit", "train", "and", "xor"),
        "/v1/models",
        {"name": "neuron", **_LINE, "optimizer": "sgd", "loss": "mean_squared_error"},
    ),
    Idea(
        "loss",
        ("small", "right", "large", "momentum"),
        "/v1/models",
        {
            "name": "descent",
            **_LINE,
            "optimizer": {"type": "SGD", "learning_rate": 0.05, "momentum": 0.6},
            "loss": "mean_squared_error",
        },
    ),
    Idea("activations", ("relu", "sigmoid", "tanh", "softmax"), "/v1/activation-types/gelu/curve"),
    Idea(
        "convolution",
        ("vertical", "horizontal", "blur", "same", "stride"),
        "/v1/models",
        {
            "name": "edges",
            "task": "regression",
            "input": {"shape": [10, 10, 1]},
            "layers": [
                {"type": "Conv2D", "filters": 1, "kernel_size": 3},
                {"type": "Flatten"},
                {"type": "Dense", "units": 1},
            ],
            "optimizer": "adam",
            "loss": "mean_squared_error",
        },
        "dry_run=true",
    ),
    Idea(
        "arrays",
        ("float", "ragged", "bias", "mismatch", "dense"),
        "/v1/models",
        {
            "name": "product",
            "task": "regression",
            "input": {"shape": [4]},
            "layers": [{"type": "Dense", "units": 2}],
            "optimizer": "sgd",
            "loss": "mean_squared_error",
        },
        "dry_run=true",
    ),
    Idea(
        "batches",
        ("mnist", "last", "one", "all"),
        "/v1/training-jobs",
        {"model": "digits", "dataset": "mnist", "epochs": 5, "batch_size": 128},
    ),
)
BY_NAME = {idea.name: idea for idea in IDEAS}
TEXTS = "ideas"

blueprint = page_blueprint(__name__)


@page(blueprint, "/ideas")
def index() -> Response:
    """All ideas, each with a small picture."""
    return show("ideas/index.html", TEXTS, ideas=IDEAS)


@page(blueprint, "/ideas/<name>")
def idea(name: str) -> Response:
    """The page of an idea."""
    if name not in BY_NAME:
        abort(404)
    place = IDEAS.index(BY_NAME[name])
    return show(
        "ideas/idea.html",
        TEXTS,
        idea=IDEAS[place],
        previous=IDEAS[place - 1] if place else None,
        following=IDEAS[place + 1] if place + 1 < len(IDEAS) else None,
        command=command(IDEAS[place]),
    )


def command(idea: Idea) -> str:
    """The request of an idea as a command for a shell."""
    url = f"{request.host_url.rstrip('/')}{public(idea.path)}{'?' if idea.query else ''}{idea.query}"
    if idea.body is None:
        return f"curl -s '{url}' -H 'Accept: application/json'"
    fields = ",\n".join(f'  "{name}": {json.dumps(value)}' for name, value in idea.body.items())
    return f"curl -s '{url}' \\\n  -H 'Content-Type: application/json' -d '{{\n{fields}}}'"
