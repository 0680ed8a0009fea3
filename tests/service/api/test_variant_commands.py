"""Variants in a terminal and from the Python client: made, compared, predicted with, deleted."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from fitserve_client import Client, RequestFailed
from service.cli import main
from tests.journeys.specs import LINE, LINE_DATASET
from tests.service.api.api_server import Server
from tests.service.api.fake_worker import FakeWorker

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    """A client of a service with version 1 of `line`."""
    with FakeWorker(server.context), Client(server.url) as client:
        client.datasets.create(LINE_DATASET)
        client.models.create(LINE)
        client.training_jobs.wait(client.training_jobs.create("line", "line", epochs=1)["id"])
        yield client


@pytest.fixture
def fitserve(server: Server, client: Client) -> Command:
    """Runs a command."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--url", server.url])

    return run


def members(ended: Result) -> dict[str, str]:
    """The fields that a command printed, before a table."""
    fields, *_ = ended.stdout.split("\n\n")
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in fields.splitlines()}


def value_of(answer: dict[str, Any]) -> float:
    return float(answer["predictions"][0]["value"])


def test_a_variant_is_made_compared_and_predicts(fitserve: Command, client: Client) -> None:
    made = fitserve("variants", "create", "line", "1", "--max-accuracy-drop", "0.1")
    assert made.exit_code == 0
    shown = members(made)
    assert (shown["type"], shown["status"], shown["certified"]) == ("int8", "succeeded", "yes")
    assert (shown["max_accuracy_drop"], shown["compared"], shown["speedup"]) == ("0.1", "r2", "2")
    item = client.models.variant("line", 1)
    _, table = made.stdout.split("\n\n")
    heading, _, *rows = (line.split() for line in table.splitlines())
    assert heading == ["metric", "version", "variant"]
    assert [row[0] for row in rows] == list(item["metrics"]["version"])
    assert members(fitserve("variants", "show", "line", "1"))["bytes"] == str(item["bytes"])
    (listed,) = client.models.variants("line", 1)
    assert listed == item
    head, *_, line = fitserve("variants", "list", "line", "1").stdout.splitlines()
    assert (head.split()[:2], line.split()[:3]) == (["type", "status"], ["int8", "ready", str(item["bytes"])])
    assert orjson.loads(fitserve("variants", "list", "line", "1", "--json").stdout) == [item]

    itself, answer = client.predict("line", [[5]]), client.predict("line", [[5]], variant="int8")
    assert ("variant" in itself, answer["variant"]) == (False, "int8")
    assert value_of(answer) == 2 * value_of(itself)
    printed = orjson.loads(fitserve("predict", "line", "[[5]]", "--variant", "int8", "--json").stdout)
    assert printed == answer
    batch = client.batch_predictions.create("line", "line", variant="int8")
    assert client.batch_predictions.wait(batch["id"])["variant"] == "int8"


def test_a_label_points_to_a_variant(fitserve: Command, client: Client) -> None:
    client.variant_jobs.wait(client.models.make_variant("line", 1, max_accuracy_drop=1)["id"])
    moved = fitserve("models", "label", "line", "small", "1", "--variant", "int8")
    assert moved.stdout == "small: variant int8 of version 1 of line\n"
    assert fitserve("models", "labels", "line").stdout.splitlines()[-1].split() == ["small", "1", "int8"]
    assert members(fitserve("models", "show", "line"))["labels"] == "small 1 (int8)"
    assert client.predict("line", [[5]], label="small")["variant"] == "int8"
    refused = fitserve("variants", "delete", "line", "1")
    assert (refused.exit_code, "points to the variant" in refused.stderr) == (3, True)
    assert client.models.set_label("line", "small", 1)["variant"] is None
    assert fitserve("variants", "delete", "line", "1").exit_code == 0
    assert list(client.models.variants("line", 1)) == []
    with pytest.raises(RequestFailed, match="has no variant"):
        client.predict("line", [[5]], variant="int8")


def test_a_variant_that_is_too_much_worse_fails_with_its_figures(fitserve: Command, client: Client) -> None:
    failed = fitserve("variants", "create", "line", "1", "--max-accuracy-drop", "0")
    assert failed.exit_code == 1
    shown = members(failed)
    assert (shown["status"], shown["certified"], shown["drop"]) == ("failed", "no", "0.005")
    assert "r2 drops" in shown["error"]
    job = fitserve("variants", "create", "line", "1", "--detach").stdout.strip()
    assert client.variant_jobs.wait(job)["status"] == "succeeded"
    client.models.delete_variant("line", 1)


def test_a_variant_that_is_being_made_is_not_yet_certified(
    fitserve: Command, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(FakeWorker, "claim", lambda *_: None)
        job = fitserve("variants", "create", "line", "1", "--detach").stdout.strip()
        assert fitserve("variants", "list", "line", "1").stdout.splitlines()[-1].split()[:2] == ["int8", "processing"]
        assert " not yet " in fitserve("variants", "list", "line", "1").stdout
        assert members(fitserve("variants", "show", "line", "1"))["certified"] == "not yet"
        fitserve("variants", "delete", "line", "1")
    assert client.variant_jobs.get(job)["status"] == "cancelled"


def test_a_snapshot_has_no_variants(fitserve: Command) -> None:
    refused = fitserve("predict", "--job", "tj_none", "[[5]]", "--variant", "int8")
    assert (refused.exit_code, "--variant, not both" in refused.stderr) == (3, True)
