"""The pages of the ideas: each explains one idea of neural networks with a drawing that can be changed."""

import json
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from service.api.http.links import public
from service.api.ui.blueprint import page, page_blueprint, show
from service.errors import NotFound


@dataclass(frozen=True)
class Idea:
    """A page: what can be tried on it, where the service does the same, and a request that does it."""

    name: str
    attempts: tuple[str, ...]
    """The suggestions of the list "What to try", by the end of their text's key."""
    demonstration: str
    path: str
    """The path of a request that does it for real."""
    body: dict[str, Any] | None = None
    query: str = ""
    playground: str = ""
    """A state of the playground, as the fragment of its URL."""

    @property
    def has_picture(self) -> bool:
        """Whether the path answers with a picture too."""
        return self.body is None


_LINE = {"task": "regression", "input": {"shape": [1]}, "layers": [{"type": "Dense", "units": 1}]}
_LINE_STATE = "v=1&data=line&n=6&noise=0&validation=0&optimizer=SGD"

IDEAS = (
    Idea(
        "neuron",
        ("fit", "train", "and", "xor"),
        "line",
        "/v1/models",
        {"name": "neuron", **_LINE, "optimizer": "sgd", "loss": "mean_squared_error"},
        playground=f"{_LINE_STATE}&rate=0.01&epochs=500",
    ),
    Idea(
        "loss",
        ("small", "right", "large", "momentum"),
        "line",
        "/v1/models",
        {
            "name": "descent",
            **_LINE,
            "optimizer": {"type": "SGD", "learning_rate": 0.05, "momentum": 0.6},
            "loss": "mean_squared_error",
        },
        playground=f"{_LINE_STATE}&rate=0.1&epochs=60",
    ),
    Idea(
        "activations",
        ("relu", "sigmoid", "tanh", "softmax"),
        "rings",
        "/v1/activation-types/gelu/curve",
        playground="v=1&data=moons&noise=0.15&net=tanh6-tanh4&rate=0.03&epochs=80",
    ),
    Idea(
        "convolution",
        ("vertical", "horizontal", "blur", "same", "stride"),
        "cifar-convolutional",
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
        "digits",
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
        "digits",
        "/v1/training-jobs",
        {"model": "digits", "dataset": "mnist", "epochs": 5, "batch_size": 128},
        playground="v=1&n=1000&net=relu4-relu6-relu6-relu4&batch=128",
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
        raise NotFound(f'There is no idea "{name}". The ideas are {", ".join(BY_NAME)}.')
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
        return f"curl -s '{url}' \\\n  -H 'Accept: application/json'"
    fields = ",\n".join(f'  "{name}": {_written(value)}' for name, value in idea.body.items())
    return f"curl -s '{url}' \\\n  -H 'Content-Type: application/json' -d '{{\n{fields}}}'"


def _written(value: Any) -> str:
    """A value as JSON; each item of a list of objects on a line of its own."""
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        items = ",\n    ".join(json.dumps(item) for item in value)
        return f"[{items}]"
    return json.dumps(value)
