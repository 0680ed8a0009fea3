"""CIFAR-10 on two workers, each in a network namespace of its own, against one host with twice the batch."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sqlalchemy import make_url

from benchmarks.cluster.namespaces import hosts, within
from benchmarks.cluster.workers import started, wait
from benchmarks.serving.report import Row, Rows, at_most
from models.weights import read_weights
from service import statuses
from service.config import Settings
from service.context import Context
from service.operations.catalog import datasets, models
from service.operations.jobs.kinds import training
from service.operations.upkeep import workers
from service.storage import jobs
from service.storage.records import Job, Version
from tests import postgresql_server
from tests.journeys.specs import CIFAR_CONVOLUTIONAL, CIFAR_DENSE
from tests.reference_data import make_keras_home, unpack_cifar10

HOSTS = 2
BATCH = 32
CHECKPOINT_SECONDS = 2.0
WAIT_SECONDS = 1800
# Adam makes something of gradients that are only rounding: with it, even one host that has the rows of each batch in
# another order differs by 0.04 after 500 steps. Dropout draws on each worker.
SGD: dict[str, Any] = {"description": "", "optimizer": {"type": "SGD", "learning_rate": 0.01}}
NETWORKS: dict[str, dict[str, Any]] = {
    "dense": CIFAR_DENSE | SGD,
    "convolutional": CIFAR_CONVOLUTIONAL
    | SGD
    | {"layers": [layer for layer in CIFAR_CONVOLUTIONAL["layers"] if layer["type"] != "Dropout"]},
}
OPTIONS: dict[str, Any] = {
    "dataset": "cifar10", "shuffle": True, "seed": 7, "optimizer": None,
    "class_weights": None, "start_from": None, "early_stopping": None, "learning_rate_schedule": None,
    "checkpoint_seconds": CHECKPOINT_SECONDS, "time_limit_seconds": None, "label": None, "priority": 5, "queue": "cpu",
    "execution": "graph",
}  # fmt: skip


def measure(settings: Settings, arguments: argparse.Namespace) -> Rows:
    """The weights of a gang of two against those of one host, and what a killed member costs."""
    home = make_keras_home(settings.data_dir)
    unpack_cifar10(home)
    context = Context.from_settings(settings).in_project("default")
    with closing(context.database), _running(context, {"KERAS_HOME": str(home)}):
        datasets.create(context, {"name": "cifar10", "source": "cifar10"})
        _wait(lambda: datasets.get(context, "cifar10").dataset.status == statuses.READY)
        network, epochs = NETWORKS[arguments.network], arguments.epochs
        models.create(context, network)
        _wait(lambda: models.get(context, network["name"]).model.status == statuses.READY)
        common = {"model": network["name"], "epochs": epochs}
        alone, alone_seconds = _train(context, **common, hosts=1, batch_size=BATCH * HOSTS)
        gang, gang_seconds = _train(context, **common, hosts=HOSTS, batch_size=BATCH)
        yield Row(f"{epochs} epochs on one host, {BATCH * HOSTS} rows a batch", f"{alone_seconds:.1f} s")
        yield Row(f"{epochs} epochs on {HOSTS} hosts, {BATCH} rows each", f"{gang_seconds:.1f} s")
        yield _compare("weights of the gang and of one host", gang, alone)
        disturbed, lost = _train_disturbed(context, **common, hosts=HOSTS, batch_size=BATCH)
        yield _compare("weights after a member was killed", disturbed, gang)
        yield at_most("training time that a killed member costs", lost, CHECKPOINT_SECONDS, "s")


def _compare(what: str, ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> Row:
    furthest = max(float(np.abs(ours[name] - theirs[name]).max()) for name in theirs)
    return Row(f"{what}: largest difference", f"{furthest:.1e}", "≤ 1e-5", furthest <= 1e-5)


def _start(context: Context, options: Mapping[str, Any]) -> str:
    return training.create(context, {**OPTIONS, **options})


def _train(context: Context, **options: Any) -> tuple[Mapping[str, np.ndarray], float]:
    """The weights of a training, and the seconds of its epochs."""
    job_id = _start(context, options)
    weights = _finish(context, job_id)
    return weights, sum(epoch["seconds"] for epoch in training.epochs(context, job_id))


def _train_disturbed(context: Context, **options: Any) -> tuple[Mapping[str, np.ndarray], float]:
    """The weights of a training of which a member is killed, and the training time that this loses."""
    job_id = _start(context, options)
    _wait(lambda: _job(context, job_id).checkpoint is not None)
    first = _job(context, job_id).checkpoint
    _wait(lambda: _job(context, job_id).checkpoint != first)  # now between two
    reported = time.monotonic()
    _wait(lambda: time.monotonic() - reported > CHECKPOINT_SECONDS * 0.8)
    _find_member(context, job_id).kill()
    lost = time.monotonic() - reported
    _wait(lambda: _job(context, job_id).attempt > 1)
    return _finish(context, job_id), lost


def _find_member(context: Context, job_id: str) -> psutil.Process:
    """The process that trains on the worker that doesn't lead."""
    with context.database.read() as session:
        (owner,) = (each.owner for each in jobs.helping(session, job_id) if each.status == statuses.RUNNING)
    (worker,) = (view.worker for view in workers.alive(context) if view.worker.id == owner)
    server = next(
        each for each in psutil.Process(worker.process["pid"]).children() if "forkserver" in " ".join(each.cmdline())
    )
    (process,) = server.children()
    return process


def _finish(context: Context, job_id: str) -> Mapping[str, np.ndarray]:
    """The weights of the version that a job makes."""
    _wait(lambda: _job(context, job_id).status in statuses.FINAL)
    job = _job(context, job_id)
    if job.status != statuses.SUCCEEDED:
        raise RuntimeError(f"The job {job_id} is {job.status}: {job.error}")
    with context.database.read() as session:
        folder = session.query(Version).filter_by(job_id=job_id).one().folder
    return read_weights(context.artifacts.folder(folder) / "weights.npz")


def _job(context: Context, job_id: str) -> Job:
    with context.database.read() as session:
        job = jobs.get(session, job_id)
    assert job is not None
    return job


@contextmanager
def _running(context: Context, variables: Mapping[str, str]) -> Iterator[None]:
    """Workers, each in a namespace of its own, which share nothing but the folder and the database."""
    same = {
        "FITSERVE_DATABASE_URL": _by_file(context.settings.database_url), "FITSERVE_TRAINING_THREADS": "1",
        "FITSERVE_GANG_PORTS": "29500-29509", **variables,
    }  # fmt: skip
    with hosts(HOSTS) as found:
        programs = [
            ([*within(name), sys.executable, "-m", "service", "worker"], same | {"FITSERVE_GANG_ADDRESS": address})
            for name, address in found.items()
        ]
        with started(context, programs):
            yield


def _by_file(url: str) -> str:
    """The URL of a database by the file of its server's socket, which every namespace reaches."""
    server = make_url(url)
    if server.host is None:
        return url
    folder = Path(os.environ[postgresql_server.FOLDER]) / "data"
    by_file = server.set(host=None, port=None, query={"host": str(folder), "port": str(server.port)})
    return by_file.render_as_string(hide_password=False)


def _wait(condition: Callable[[], bool]) -> None:
    wait(condition, WAIT_SECONDS)
