"""Writes the requests that create resources, as commands for curl and as a program with the Python client."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from models.keras_code import Call, Code, render
from service.api.http.links import DATASETS, MODELS, TRAINING_JOBS

WIDTH = 100
PATHS = {"dataset": DATASETS, "model": MODELS, "training_job": TRAINING_JOBS}
"""The path that creates each posted document, in the order in which they are created."""
END = "JSON"
"""The word that ends the body of a command. A line of JSON can't be that word."""

Documents = Mapping[str, Mapping[str, Any]]


def write_curl(documents: Documents, url: str, *, with_key: bool) -> str:
    """A command for each document, which a shell can run one after another."""
    commands = [_post(url + path, documents[name], with_key) for name, path in PATHS.items() if name in documents]
    return "\n\n".join(commands) + "\n"


def write_python(documents: Documents, url: str, *, with_key: bool) -> str:
    """A program that creates the documents, and waits for the training job."""
    comment = "  # the API key is in the environment variable FITSERVE_KEY" if with_key else ""
    lines = ["from fitserve_client import Client", "", f"with Client({render(url)}) as client:{comment}"]
    lines += [f"    {line}" for line in _calls(documents)]
    return "\n".join(lines) + "\n"


def _post(url: str, document: Mapping[str, Any], with_key: bool) -> str:
    parts = [f"curl {url}", *(['-H "Authorization: Bearer $FITSERVE_KEY"'] if with_key else [])]
    parts += ["-H 'Content-Type: application/json'", f"--data-binary @- <<'{END}'"]
    return " \\\n  ".join(parts) + f"\n{format_json(document)}\n{END}"


def _calls(documents: Documents) -> Iterator[str]:
    for name, resources in (("dataset", "datasets"), ("model", "models")):
        if name in documents:
            yield render(Call(f"client.{resources}.create", (documents[name],)), indent=4)
    if "training_job" in documents:
        job = dict(documents["training_job"])
        named = {option: job.pop(option) for option in ("model", "dataset")}
        created = Call("client.training_jobs.create", tuple(named.values()), job)
        yield f"job = {render(created, indent=4, used=6)}"
        yield 'job = client.training_jobs.wait(job["id"])'
        yield render(Call("print", (Code('job["status"]'), Code('job["metrics"]'))))


def format_json(value: Any, indent: int = 0, used: int = 0) -> str:
    """JSON with an item per line where a line would be too long; `used` are characters before it in its line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or len(flat) + indent + used <= WIDTH:
        return flat
    pad, end = " " * (indent + 2), " " * indent
    if isinstance(value, list):
        items = [format_json(item, indent + 2, 1) for item in value]
        return "[\n" + ",\n".join(pad + item for item in items) + f"\n{end}]"
    names = {name: json.dumps(name, ensure_ascii=False) + ": " for name in value}
    members = [names[name] + format_json(item, indent + 2, len(names[name]) + 1) for name, item in value.items()]
    return "{\n" + ",\n".join(pad + member for member in members) + f"\n{end}}}"
