"""Files are damaged on the disk. What can be computed again is; anything else is refused as damaged, never served."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import requests

from benchmarks.survival.backing import need_folder
from benchmarks.survival.clients import (
    DATASETS,
    MODEL,
    ROWS_QUERY,
    SEEDS,
    UNDISTURBED,
    Accepted,
    Persistent,
    Trouble,
    describe,
    digest_of,
    train,
    upload,
)
from benchmarks.survival.scenario import Fault, Tools
from tests.running_service import wait_for

BETWEEN_SECONDS = 0.2, 1.0
FIRST_VERSION = 1
"""The undisturbed version of the first of SEEDS."""
Damage = Callable[[Path], None]


def flip(path: Path) -> None:
    """Change a few bytes in the middle."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 6] = bytes(255 - byte for byte in data[middle : middle + 6])
    path.write_bytes(data)


def truncate(path: Path) -> None:
    """Keep the first half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES: dict[str, Damage] = {"flipped": flip, "truncated": truncate, "missing": Path.unlink}


def _damage_files(tools: Tools) -> None:
    """Damage the files of resources that only this fault uses."""
    client = Persistent(tools.site.service.client.base_url)
    experiments = {"network": _damage_network, "dataset": _damage_dataset, "checkpoint": _damage_checkpoint}
    while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
        what, how = tools.random.choice(list(experiments)), tools.random.choice(list(DAMAGES))
        experiments[what](tools, client, DAMAGES[how])
        tools.count(f"{what} {how}")


def _damage_network(tools: Tools, client: Persistent, damage: Damage) -> None:
    job = client.wait_until_final(train(client, _new_key(), SEEDS[0]))
    damage(_only(tools, f"models/*/{job['id']}-*/network.onnx"))
    body = {"instances": [[0.5, 0.5], [-1, 2]]}
    right = _predict(tools, FIRST_VERSION, body).json()["predictions"]
    answer = _predict(tools, job["version"], body)
    _check(answer, is_right=lambda: answer.json()["predictions"] == right)


def _predict(tools: Tools, version: int, body: object) -> requests.Response:
    path = f"/v1/models/{MODEL}/versions/{version}/predictions"
    return tools.site.service.client.request("POST", path, json=body)


def _damage_dataset(tools: Tools, client: Persistent, damage: Damage) -> None:
    made = upload(client, _new_key())
    client.wait_until_final(made)
    for path in tools.site.artifacts.glob(f"datasets/{made.id}/*/*"):
        damage(path)
    answer = tools.site.service.client.request("GET", f"{made.url}/rows?{ROWS_QUERY}")
    _check(answer, is_right=lambda: digest_of(answer.json()["items"]) == tools.expected[DATASETS])


def _check(answer: requests.Response, is_right: Callable[[], bool]) -> None:
    """What is damaged is refused. A part that isn't, or was loaded before, may be served if it is right."""
    if answer.ok and is_right():
        return
    if answer.status_code != 500 or not answer.json()["type"].startswith("/problems/damaged-"):
        raise Trouble(f"damaged files: {answer.request.method} {answer.url}: {describe(answer)}")


def _damage_checkpoint(tools: Tools, client: Persistent, damage: Damage) -> None:
    """A paused training whose checkpoint is damaged resumes, from an earlier point, with the same weights."""
    seed = tools.random.choice(SEEDS)
    made = train(client, _new_key(), seed)
    if _pause(client, made):
        for path in tools.site.artifacts.glob(f"checkpoints/{made.id}/*/*"):
            damage(path)
        client.send("PATCH", made.url, json={"desired_status": "running"})
    ended = client.wait_until_final(made)
    if ended["status"] != "succeeded":
        raise Trouble(f"{made.url} with a damaged checkpoint: {ended['status']} {ended['error']}")
    if client.digest(made, ended) != tools.expected[seed]:
        raise Trouble(f"{made.url} with a damaged checkpoint has other weights")


def _pause(client: Persistent, made: Accepted) -> bool:
    """Pause a training that has begun; returns False if it ended first."""
    wait_for(lambda: client.get(f"{made.url}/metrics")["epochs"], what="an epoch")
    client.send("PATCH", made.url, json={"desired_status": "paused"})
    wait_for(lambda: client.get(made.url)["status"] not in ("running", "pausing"), what="the pause")
    return bool(client.get(made.url)["status"] == "paused")


def _only(tools: Tools, pattern: str) -> Path:
    (path,) = tools.site.artifacts.glob(pattern)
    return path


def _new_key() -> str:
    return f"{UNDISTURBED}-damage-{uuid4().hex[:12]}"


damage = Fault(_damage_files, check=need_folder)
