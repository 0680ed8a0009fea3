"""The commands that talk to a service: tables and JSON, exit codes, Ctrl-C, and what goes wrong."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from service.commands.exit_codes import READER_GONE
from tests.fitserve_client.scripted_server import Answer, scripted
from tests.journeys.specs import RINGS, RINGS_DATASET, named
from tests.running_service import ROOT, Client, RunningService, wait_for

LONG = 200_000
"""More epochs than any test waits for."""
GARDEN = {"name": "garden", "source": "iris"}
SPEC = {
    "name": "garden",
    "task": "multiclass",
    "input": {"dataset": "garden"},
    "layers": [{"type": "Dense", "units": 3, "activation": "softmax"}],
    "optimizer": {"type": "Adam", "learning_rate": 0.1},
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
}
SETOSA = '{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}'

Run = subprocess.CompletedProcess[str]


class CommandLine:
    """`fitserve` with the service at a URL, in a pipe."""

    def __init__(self, url: str) -> None:
        self.command = [sys.executable, "-m", "service"]
        self.options: dict[str, Any] = {"cwd": ROOT, "env": os.environ | {"FITSERVE_URL": url}, "text": True}

    def run(self, *arguments: str | Path, given: str = "") -> Run:
        """Run a command to its end."""
        command = [*self.command, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, input=given, timeout=120, **self.options)

    def table(self, *arguments: str | Path, given: str = "") -> list[str]:
        """The lines of a command that succeeds."""
        ended = self.run(*arguments, given=given)
        assert (ended.returncode, ended.stderr) == (0, "")
        return [line.rstrip() for line in ended.stdout.splitlines()]

    def json(self, *arguments: str | Path, given: str = "") -> Any:
        """The document that a command prints."""
        return orjson.loads("\n".join(self.table(*arguments, "--json", given=given)))


@pytest.fixture(scope="module")
def fitserve(service: RunningService) -> CommandLine:
    return CommandLine(service.client.base_url)


@pytest.fixture(scope="module")
def garden(fitserve: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a dataset and of a model with one version, all made by commands."""
    spec = tmp_path_factory.mktemp("specs") / "model.json"
    spec.write_bytes(orjson.dumps(SPEC))
    assert "species" in "".join(fitserve.table("datasets", "create", "-", given=orjson.dumps(GARDEN).decode()))
    assert fitserve.json("models", "create", spec, "--dry-run")["id"] is None
    assert fitserve.json("models", "create", spec)["status"] == "ready"
    ended = fitserve.run("train", "garden", "garden", "--epochs", "20", "--seed", "7", "--label", "best")
    assert ended.returncode == 0, ended.stderr
    assert "\nExecution graph: Compiling takes about" in ended.stderr
    assert "Epoch 20/20" in ended.stdout
    *_, guess, last = ended.stdout.splitlines()
    assert guess.startswith("Naive guess - loss: 1.099 - accuracy: 0.3333 - val_loss: ")
    assert last.endswith("succeeded: version 1 of garden")
    return "garden"


@pytest.fixture
def endless(client: Client, garden: str) -> Iterator[list[str]]:
    """Ids of jobs that are cancelled in the end."""
    jobs: list[str] = []
    yield jobs
    for job in jobs:
        client.patch(f"/v1/training-jobs/{job}", {"desired_status": "cancelled"})
        client.wait_for_status(job, "cancelled", seconds=30)


def test_lists_are_tables_for_people_and_arrays_for_scripts(fitserve: CommandLine, garden: str) -> None:
    heads = {
        ("models", "list"): "name task status latest version labels created",
        ("datasets", "list"): "name kind status rows source created",
        ("jobs", "list"): "id model dataset status done metrics created",
        ("models", "versions", garden): "version dataset training job metrics created",
        ("models", "labels", garden): "label version variant",
        ("datasets", "rows", garden): "row instance target",
        ("datasets", "sources"): "source description",
    }
    for command, head in heads.items():
        lines, items = fitserve.table(*command), fitserve.json(*command)
        assert " ".join(lines[0].split()) == head
        assert len(lines) == len(items) + 2, command
    (line,) = (line for line in fitserve.table("models", "list") if line.startswith("garden "))
    assert line.split()[:6] == ["garden", "multiclass", "ready", "1", "best", "1"]
    assert fitserve.json("models", "list", "--task", "binary", "--limit", "1", "--sort", "name") != [line]


def test_a_model_serves_a_label_or_the_latest_version(fitserve: CommandLine, garden: str) -> None:
    assert fitserve.table("models", "serve", garden, "best") == [f"{garden}: predicts with the label best by default"]
    assert any(line.split() == ["serve", "best"] for line in fitserve.table("models", "show", garden))
    assert fitserve.json("models", "serve", garden, "--latest")["serve"] is None
    assert fitserve.run("models", "serve", garden).returncode == 3
    assert fitserve.json("models", "create", orjson.dumps(SPEC).decode(), "--dry-run", "--serve", "x")["serve"] == "x"


def test_the_threshold_of_a_model_is_changed_and_set_back(fitserve: CommandLine) -> None:
    layer = {"type": "Dense", "units": 1, "activation": "sigmoid"}
    spec = SPEC | {"name": "yes-or-no", "task": "binary", "input": {"shape": [2]}, "layers": [layer]}
    fitserve.table("models", "create", orjson.dumps(spec | {"loss": "binary_crossentropy"}).decode())
    (line,) = fitserve.table("models", "threshold", "yes-or-no", "0.3")
    assert line == "yes-or-no: a class counts as predicted from the score 0.3 on"
    assert fitserve.json("models", "threshold", "yes-or-no", "--default")["threshold"] == 0.5
    assert fitserve.run("models", "threshold", "yes-or-no").returncode == 3
    fitserve.table("models", "delete", "yes-or-no")


def test_several_files_become_one_dataset(fitserve: CommandLine, tmp_path: Path) -> None:
    parts = [tmp_path / f"{name}.csv" for name in ("first", "second")]
    for number, part in enumerate(parts):
        part.write_text("size,price\n" + "".join(f"{n},{2 * n}\n" for n in range(10 * number, 10 * number + 10)))
    dataset = fitserve.json("datasets", "upload", *parts, "--name", "parts", "--target", "price")
    assert (dataset["rows"], dataset["file"]["more"]) == (20, ["second.csv"])
    assert fitserve.json("datasets", "add-version", "parts", parts[1], *parts)["rows"] == 30
    fitserve.table("datasets", "delete", "parts")


def test_metadata_is_noted_on_what_is_created_and_lists_are_filtered_by_it(fitserve: CommandLine, garden: str) -> None:
    noted = ("--metadata", "team=garden", "--metadata", "ticket=a=b")
    dataset = fitserve.json("datasets", "create", '{"name": "cli-noted", "source": "iris"}', *noted)
    assert dataset["metadata"] == {"team": "garden", "ticket": "a=b"}
    fitserve.json("models", "create", orjson.dumps(SPEC | {"name": "cli-noted"}).decode())
    job = fitserve.json("train", "cli-noted", garden, "--epochs", "1", "--detach", *noted)
    assert [item["id"] for item in fitserve.json("jobs", "list", *noted)] == [job["id"]]
    assert [item["name"] for item in fitserve.json("datasets", "list", *noted)] == ["cli-noted"]
    assert fitserve.json("models", "list", *noted) == []
    assert any("team garden" in line for line in fitserve.table("datasets", "show", "cli-noted"))
    for wrong in (("--metadata", "team"), ("--metadata", "=x"), ("--metadata", "a=1", "--metadata", "a=2")):
        assert fitserve.run("jobs", "list", *wrong).returncode == 3


def test_a_reader_that_leaves_ends_the_command_as_in_any_pipe(fitserve: CommandLine, garden: str) -> None:
    command = [*fitserve.command, "datasets", "rows", garden, "--limit", "100"]
    for form in ([], ["--json"]):
        reading, writing = os.pipe()
        os.close(reading)
        ended = subprocess.run([*command, *form], stdout=writing, stderr=subprocess.PIPE, **fitserve.options)
        os.close(writing)
        assert (ended.returncode, ended.stderr) == (READER_GONE, "")
    reading, writing = os.pipe()
    os.close(reading)
    refused = subprocess.run([*fitserve.command, "datasets", "show", "nobody"], stderr=writing, **fitserve.options)
    os.close(writing)
    assert refused.returncode == READER_GONE


def test_one_resource_is_shown_whole(fitserve: CommandLine, garden: str) -> None:
    shown = "\n".join(fitserve.table("models", "show", garden))
    assert "softmax" not in shown
    assert "parameters" in shown
    assert "Dense" in shown
    assert fitserve.json("models", "show", garden)["layers"] == SPEC["layers"]
    assert any(line.startswith("species") for line in fitserve.table("datasets", "show", garden))
    (job,) = fitserve.json("jobs", "list", "--model", garden, "--status", "succeeded")
    lines = [line.split() for line in fitserve.table("jobs", "show", job["id"])]
    assert ["version", "1"] in lines
    assert ["dataset_version", "1"] in lines
    assert len(fitserve.json("jobs", "metrics", job["id"], "--points", "4")) == 4
    assert "Epoch 20/20" in "\n".join(fitserve.table("jobs", "log", job["id"]))


def test_predictions_take_json_files_and_standard_input(fitserve: CommandLine, garden: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("sepal_length,sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n60,3,5,2\n")
    head, _, line = fitserve.table("predict", garden, SETOSA, "--top", "2")
    assert head.split() == ["row", "label", "score", "top"]
    assert line.split()[:2] == ["0", "setosa"]
    warned = fitserve.run("predict", garden, rows)
    assert warned.returncode == 0
    assert len(warned.stdout.splitlines()) == 4
    assert warned.stderr.startswith("Warning: row 1, sepal_length: 60 is out of range")
    answer = fitserve.json("predict", garden, "-", "--label", "best", given=f"[{SETOSA}]")
    assert (answer["version"], answer["predictions"][0]["label"]) == (1, "setosa")
    assert len(answer["predictions"][0]["scores"]) == 3


def test_an_evaluation_shows_its_figures(fitserve: CommandLine, garden: str) -> None:
    lines = fitserve.table("evaluate", garden, garden, "--version", "1")
    assert any(line.startswith("accuracy ") for line in lines)
    assert "Rows are the true classes, columns the predicted ones." in lines
    document = fitserve.json("evaluate", garden, garden, "--split", "train")
    assert (document["status"], document["split"]) == ("succeeded", "train")
    assert fitserve.json("evaluations", "show", document["id"]) == document
    assert document["id"] in "".join(fitserve.table("evaluations", "list", "--model", garden))
    fitserve.table("evaluations", "delete", document["id"])


def test_versions_are_labelled_and_downloaded(fitserve: CommandLine, garden: str, tmp_path: Path) -> None:
    assert fitserve.table("models", "label", garden, "champion", "1") == ["champion: version 1 of garden"]
    fitserve.table("models", "unlabel", garden, "champion")
    target = tmp_path / "garden.onnx"
    written = fitserve.json("models", "download", garden, "1", "--output", target)
    assert written == {"file": str(target), "bytes": target.stat().st_size}


def test_a_file_becomes_a_dataset_and_is_deleted_again(fitserve: CommandLine, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("size;price;note\n" + "".join(f"{n},5;{2 * n},0;x\n" for n in range(30)))
    options = ["--target", "price", "--ignore", "note", "--csv", '{"decimal": ","}', "--split", '{"test": 0.1}']
    dataset = fitserve.json("datasets", "upload", rows, "--name", "prices", *options)
    assert (dataset["kind"], dataset["rows"], dataset["target"]["name"]) == ("table", 30, "price")
    rows.write_text("size;price;note\n" + "".join(f"{n},5;{2 * n},0;x\n" for n in range(60)))
    assert fitserve.json("datasets", "add-version", "prices", rows)["splits"] == {
        "train": 54,
        "validation": 0,
        "test": 6,
    }
    assert len(fitserve.json("datasets", "rows", "prices", "--split", "test", "--version", "1")) == 3
    appended = fitserve.table("datasets", "append", "prices", '{"size": 400.5, "price": 801}')
    assert [line.split()[1] for line in appended if line.startswith("size")] == ["mean", "range"]
    lines = fitserve.table("datasets", "versions", "prices")
    assert [line.split()[:4] for line in lines[2:]] == [
        ["3", "ready", "61", "append"], ["2", "ready", "60", "upload"], ["1", "ready", "30", "upload"],
    ]  # fmt: skip
    assert fitserve.table("datasets", "delete-version", "prices", "1") == []
    assert fitserve.run("datasets", "version", "prices", "1").returncode == 3
    assert fitserve.table("datasets", "delete", "prices") == []
    gone = fitserve.run("datasets", "show", "prices")
    assert (gone.returncode, gone.stderr) == (3, 'Error: There is no dataset "prices".\n')


def test_a_detached_training_is_controlled_by_its_id(fitserve: CommandLine, client: Client, garden: str) -> None:
    (job,) = fitserve.table("train", garden, garden, "--epochs", str(LONG), "--precision", "bfloat16", "--detach")
    shown = [line.split(maxsplit=1) for line in fitserve.table("jobs", "show", job)]
    assert ["precision", "bfloat16"] in shown
    assert "execution_reason" in [member for member, *_ in shown]
    client.wait_for_first_epoch(job)
    (warning,) = client.job(job)["warnings"]  # the network has only its last layer
    assert (warning["type"], warning["detail"][:33]) == ("no_bfloat16", "No layer computes in bfloat16: on")
    assert warning["detail"] in " ".join(fitserve.table("jobs", "show", job))
    assert fitserve.json("jobs", "change", job, "--learning-rate", "0.01")["id"] == job
    fitserve.table("jobs", "pause", job)
    client.wait_for_status(job, "paused")
    fitserve.table("jobs", "resume", job)
    fitserve.table("jobs", "stop", job)
    assert fitserve.run("watch", job).returncode in (0, 2)
    fitserve.table("jobs", "delete", job)


def test_a_training_as_json_is_the_job_as_it_ended_and_its_exit_code_how(fitserve: CommandLine, garden: str) -> None:
    options = '{"batch_size": 8, "optimizer": {"type": "SGD", "learning_rate": 1e38}}'
    failed = fitserve.run("train", garden, garden, "--epochs", "50", "--options", options, "--json")
    job = orjson.loads(failed.stdout)
    assert (failed.returncode, job["status"], job["batch_size"]) == (1, "failed", 8)
    started = fitserve.json("train", garden, garden, "--epochs", "2", "--start-from", "best", "--patience", "3")
    assert (started["status"], started["start_from"]["version"]) == ("succeeded", 1)


def test_ctrl_c_while_a_training_is_followed_leaves_it_running(
    fitserve: CommandLine, client: Client, garden: str, endless: list[str]
) -> None:
    command = [*fitserve.command, "train", garden, garden, "--epochs", str(LONG)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, **fitserve.options) as process:
        output, errors = process.stdout, process.stderr
        assert output is not None
        assert errors is not None
        endless.append(errors.readline().partition(":")[0])
        wait_for(lambda: "Epoch 1/" in output.readline(), what="the first epoch")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"the job goes on. fitserve watch {endless[0]} shows it again" in said
    assert client.job(endless[0])["status"] == "running"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["models", "show", "none"], 'There is no model "none".'),
        (["models", "shw", "none"], "No such command 'shw'"),
        (["models", "list", "--limit", "0"], "Invalid value for '--limit'"),
        (["models", "create", "none.json"], '"none.json" can\'t be read'),
        (["models", "create", '{"name": }'], "no JSON"),
        (["datasets", "create", "-"], "no JSON"),
        (["train", "none", "none"], "Missing option '--epochs'"),
        (["train", "none", "none", "--epochs", "1"], "There is no model"),
        (["predict", "none", "README.md"], '"README.md" must end with one of .npy'),
        (["predict", "none", "rows.csv"], '"rows.csv" can\'t be read'),
        (["predict", "none", "[[1"], "Expecting ',' delimiter"),
        (["predict", "none", "[[1]]", "--version", "1", "--label", "a"], "not both"),
        (["evaluate", "none", "none", "--split", "all"], "Invalid value for '--split'"),
    ],
)
def test_what_is_refused_is_told_in_a_line(fitserve: CommandLine, arguments: list[str], reason: str) -> None:
    refused = fitserve.run(*arguments)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr.startswith("Error: ")
    assert reason in refused.stderr


def test_every_fault_is_told_where_it_is(fitserve: CommandLine) -> None:
    spec = orjson.dumps(named(RINGS, "A ring", task="binry")).decode()
    refused = fitserve.run("models", "create", spec)
    assert [line.partition(":")[0] for line in refused.stderr.splitlines()] == ["Error", "  #/name", "  #/task"]
    problem = orjson.loads(fitserve.run("models", "create", spec, "--json").stderr)
    assert [fault["pointer"] for fault in problem["errors"]] == ["#/name", "#/task"]


def test_a_service_that_is_away_has_an_exit_code_of_its_own(fitserve: CommandLine) -> None:
    away = fitserve.run("models", "list", "--url", "http://127.0.0.1:1")
    assert (away.returncode, away.stdout) == (4, "")
    assert away.stderr == "Error: http://127.0.0.1:1 doesn't answer: no connection.\n"
    busy = Answer(503, {"detail": "The queue is full."}, {"Retry-After": "3600"})
    with scripted(busy) as server:
        refused = fitserve.run("datasets", "create", orjson.dumps(RINGS_DATASET).decode(), "--url", server.url)
    assert (refused.returncode, refused.stderr) == (4, "Error: The queue is full.\n")


def test_a_busy_service_is_asked_again(fitserve: CommandLine) -> None:
    busy = Answer(503, {"detail": "The queue is full."}, {"Retry-After": "0"})
    with scripted(busy, Answer(200, {"items": [], "next": None})) as server:
        listed = fitserve.run("jobs", "list", "--url", server.url, "--json")
    assert (listed.returncode, listed.stdout) == (0, "[]\n")
    assert listed.stderr == "The queue is full; trying again\n"


def test_starting_a_service_imports_nothing_of_the_client() -> None:
    look = "import sys, service.cli; print({'requests', 'numpy', 'keras', 'flask'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (found.stdout, found.stderr) == ("set()\n", "")


def test_both_parts_of_a_running_service_are_healthy(service: RunningService) -> None:
    for part in ("api", "worker"):
        command = [sys.executable, "-m", "service", "health", part]

        def healthy(command: list[str] = command) -> bool:
            return subprocess.run(command, env=service.environment, cwd=ROOT, check=False).returncode == 0

        wait_for(healthy, 60, f"the {part} to be healthy")
