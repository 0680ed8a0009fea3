"""A database of every earlier migration is upgraded while jobs wait in it. All of them are shown, and run."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData

from models.datasets import import_dataset
from models.limits import Limits
from service.config import Settings
from service.operations.jobs import lifecycle as execution
from service.storage import jobs
from service.storage.database import MIGRATIONS, make_engine, migrate
from service.storage.identifiers import new_identifier
from tests.contexts import default_context
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front

LAYER = {"type": "Dense", "units": 1}
SPEC = {
    "input": {"shape": [1]}, "layers": [LAYER], "optimizer": "sgd", "loss": "mean_squared_error", "metrics": [],
}  # fmt: skip
SUMMARY = {
    "layers": [{"name": "dense", "type": "Dense", "output_shape": [1], "parameters": 2, "trainable": True}],
    "parameters": 2, "trainable_parameters": 2, "non_trainable_parameters": 0, "bytes": 8,
}  # fmt: skip
DATA = {"source": "inline", "inputs": [[0], [1], [2], [3]], "targets": [0, 1, 2, 3]}
TRAINING = {
    "model": "ready", "dataset": "ready", "epochs": 2, "batch_size": 8, "shuffle": True, "seed": 7, "label": None,
    "optimizer": None, "early_stopping": None, "priority": 5, "queue": "cpu", "execution": "graph",
}  # fmt: skip
"""A request of the first release; every field since then must have a default."""
RUNTIME = {"threads": 1, "tensorflow": "2.20.0", "keras": "3.10.0"}
PROGRESS = {"epoch": 1, "epochs": 2, "step": 1, "steps": 1, "fraction": 0.5, "eta_seconds": 1.0}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KINDS = {
    "import": "ij", "build": "bj", "training": "tj", "evaluation": "ev", "batch_prediction": "bp",
}  # fmt: skip
"""The kinds that the first migration knows, in the order in which these jobs depend on each other."""


def configure(engine: Engine, act: Callable[[Config], None]) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        act(config)


def revisions() -> list[str]:
    return sorted(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())


class OldDatabase:
    """A database as a release with that migration left it: rows have only the columns that it knew."""

    def __init__(self, folder: Path, revision: str) -> None:
        self.settings = Settings(data_dir=folder)
        self._engine = make_engine(self.settings.database_url)
        configure(self._engine, lambda config: command.upgrade(config, revision))
        self._tables = MetaData()
        self._tables.reflect(self._engine)
        self.ids = {name: new_identifier(prefix) for name, prefix in (("model", "md"), ("dataset", "ds"))}

    def insert(self, table: str, **values: Any) -> None:
        known = self._tables.tables[table]
        row = {name: value for name, value in values.items() if name in known.columns}
        with self._engine.execution_options(writes=True).begin() as connection:
            connection.execute(known.insert().values(row))

    def add_model(self, id_: str, name: str, status: str, **columns: Any) -> None:
        self.insert("models", id=id_, name=name, status=status, task="regression", description="", document=SPEC,
                    last_version=0, created_at=NOW, **columns)  # fmt: skip

    def add_dataset(self, id_: str, name: str, status: str, **columns: Any) -> None:
        self.insert("datasets", id=id_, name=name, status=status, source="inline", options={}, created_at=NOW,
                    version=1 if status == "ready" else None, **columns)  # fmt: skip
        if "dataset_versions" in self._tables.tables:
            self.insert("dataset_versions", id=id_, dataset_id=id_, number=1, status=status, source="inline",
                        created_at=NOW, **columns)  # fmt: skip

    def add_job(self, kind: str, request: dict[str, Any], **columns: Any) -> str:
        """A job that waits, unless the columns say otherwise."""
        waiting = {
            "id": new_identifier(KINDS[kind]),
            "status": "queued", "desired_status": "running", "priority": 5, "queue": "cpu", "revision": 1, "token": 0,
            "renewals": 0, "attempt": 1, "run": 0, "last_seq": 1, "created_at": NOW,
            "dataset_version": 1 if "dataset_id" in columns else None,
        }  # fmt: skip
        job = waiting | columns
        self.insert("jobs", kind=kind, request=request, **job)
        queued = {"status": "queued", "reason": None}
        self.insert("events", job_id=job["id"], seq=1, at=NOW, type="transition", run=0, data=queued)
        return str(job["id"])

    def close(self) -> None:
        self._engine.dispose()


def publish_dataset(database: OldDatabase, dataset_id: str) -> dict[str, Any]:
    """The columns of a dataset that is ready, whose files are in the store."""
    key = f"datasets/{dataset_id}/{new_identifier('ij')}-1"
    folder = database.settings.artifact_folder / key
    folder.mkdir(parents=True)
    descriptor = import_dataset(
        {"name": "ready", **DATA}, folder, cache=folder, downloads=False, limits=Limits(), progress=lambda share: None
    )
    return {"kind": descriptor.kind, "descriptor": descriptor.to_document(), "folder": key}


def fill(database: OldDatabase) -> list[str]:
    """Add a resource that is ready and one whose job waits, a waiting job of each kind, and one that was running;
    returns the ids of the jobs."""
    ready = database.ids
    database.add_model(ready["model"], "ready", "ready", summary=SUMMARY, summary_text="")
    database.add_dataset(ready["dataset"], "ready", "ready", **publish_dataset(database, ready["dataset"]))
    names = {"model_id": ready["model"], "model_name": "ready", "dataset_id": ready["dataset"], "dataset_name": "ready"}
    model, dataset = new_identifier("md"), new_identifier("ds")
    database.add_model(model, "waiting", "building")
    database.add_dataset(dataset, "waiting", "processing")
    upload = database.settings.artifact_folder / "uploads" / dataset
    upload.mkdir(parents=True)
    (upload / "request.json").write_bytes(orjson.dumps({"name": "waiting", **DATA}))
    spec = {"name": "waiting", "task": "regression", "description": "", **SPEC}
    id_ = new_identifier("tj")
    running = {
        "id": id_, "checkpoint": {"folder": f"checkpoints/{id_}/{id_}-1-checkpoint-1", "epoch": 1, "step": 1},
        "status": "running", "owner": "wk_gone", "token": 1, "run": 1, "runtime": RUNTIME, "progress": PROGRESS,
        "started_at": NOW, "orders": [{"number": 1, "epochs": 3}],
    }  # fmt: skip
    return [
        database.add_job("build", {"document": spec}, model_id=model, model_name="waiting"),
        database.add_job("import", {}, dataset_id=dataset, dataset_name="waiting"),
        database.add_job("training", TRAINING, **names),
        database.add_job("training", TRAINING, **names, **running),
        database.add_job("evaluation", {"split": "train"}, version=1, **names),
        database.add_job("batch_prediction", {"split": None, "file": None}, version=1, **names),
    ]


@pytest.mark.parametrize("revision", revisions())
def test_jobs_that_wait_over_an_upgrade_run(revision: str, tmp_path: Path) -> None:
    database = OldDatabase(tmp_path, revision)
    ids = fill(database)
    database.close()
    migrate(database.settings.database_url)
    context = default_context(database.settings)
    execution.put_all_back(context.database, execution.WORKER_LOST)
    api, worker = ApiClient(FrontClient(make_front(context))), FakeWorker(context)
    assert [job["status"] for job in api.get("/v1/training-jobs")["items"]] == ["queued", "queued"]
    for kind in KINDS:
        while worker.run_next(kind):
            pass
    with context.database.read() as session:
        ended = {id_: jobs.get(session, id_) for id_ in ids}
    outcomes = {id_: job and (job.status, job.error) for id_, job in ended.items()}
    assert outcomes == dict.fromkeys(ids, ("succeeded", None))
    for collection in ("models", "datasets"):
        assert [item["status"] for item in api.get(f"/v1/{collection}")["items"]] == ["ready", "ready"]
    trained = api.get("/v1/training-jobs")["items"]
    assert [(job["checkpoint_seconds"], job["warnings"], job["metadata"]) for job in trained] == [(60.0, [], {})] * 2
    for job in trained:
        assert [epoch["epoch"] for epoch in api.get(job["links"]["metrics"])["epochs"]] == [1, 2]
        assert api.get(job["links"]["events"])["items"][-1]["data"]["status"] == "succeeded"
    job = api.post("/v1/training-jobs", {"model": "ready", "dataset": "ready", "epochs": 1}, 202)
    assert {job["dataset_version"], *(job["dataset_version"] for job in trained)} == {1}
    check_versions(api, worker)
    assert api.get("/v1/evaluations")["items"][-1]["split"] == "train"
    assert api.get("/v1/batch-predictions")["items"][0]["result"]["rows"] == 4
    context.database.close()


def check_versions(api: ApiClient, worker: FakeWorker) -> None:
    """An older dataset is its first version, whose options nobody stored."""
    (first,) = api.get("/v1/datasets/ready/versions")["items"]
    assert (first["version"], first["status"], first["rows"], first["options"]) == (1, "ready", 4, None)
    (fault,) = api.post("/v1/datasets/ready/versions", {"append": [{}]}, 422)["errors"]
    assert "didn't store its options" in fault["detail"]
    file = {"file": (BytesIO(b"a,y\n1,2\n2,3\n3,4\n"), "new.csv")}
    (fault,) = (api.send("POST", "/v1/datasets/ready/versions", 422, data=file).json or {})["errors"]
    assert fault["pointer"] == "#/split"
    again = {"file": (BytesIO(b"a,y\n1,2\n2,3\n3,4\n"), "new.csv"), "target": "y"}
    api.send("POST", "/v1/datasets/ready/versions", 202, data=again, headers={"Prefer": "wait=0"})
    worker.run_next("import")
    second = api.get("/v1/datasets/ready/versions/2")
    assert (second["status"], second["drift"]["since"]) == ("ready", 1)
