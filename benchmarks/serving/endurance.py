"""What long and wide loads do to Fitserve: minutes beside a training, more models than the cache holds, memory."""

import time
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from benchmarks.serving.dialects import NATIVE
from benchmarks.serving.load import END_OF_HEAD, Load, drive, driving_process
from benchmarks.serving.networks import NETWORKS, download, prepare, train
from benchmarks.serving.programs import Size, fitserve
from benchmarks.serving.report import Row, Rows, at_most, none_of
from benchmarks.serving.servers import Server, megabytes
from tests.journeys.specs import LINE, named
from tests.running_service import RunningService, running_service

SETTLED_SECONDS = 10
MINUTE = 60
LOOK_SECONDS = 1
CACHED = 20
MANY_CLIENTS = 8
MOST_GROWTH = 20
"""Megabytes, while a load lasts."""
MOST_OF_A_PROCESS = 130
"""Megabytes of an api process with ten models."""
READY_SECONDS = 5
READY = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1" + END_OF_HEAD
NEVER_IN_THE_API = ("tensorflow", "keras")
LOADING_SECONDS = 3
"""How long ten models are asked for, until every process has them all."""
SLICE = {
    "name": "slice",
    "source": "inline",
    "inputs": [[row, row % 3, row % 5, -row] for row in range(20)],
    "targets": [row / 10 for row in range(20)],
}
TINY = named(
    LINE,
    "tiny",
    input={"shape": [4]},
    layers=[{"type": "Dense", "units": 8, "activation": "relu"}, {"type": "Dense", "units": 1}],
)


def soak(folder: Path, arguments: Namespace) -> Rows:
    """Many connections for minutes while a training job runs on the same machine."""
    networks = prepare(folder, ["dense", "convolutional"])
    dense = networks[0]
    requests, expected = [NATIVE.request(dense.name, rows) for rows in dense.pixels[:, :1]], dense.ask_keras()[:, :1]
    with running_service(folder / "var") as service, driving_process() as driver:
        client = service.client
        job = client.start_training("convolutional", "few-convolutional", epochs=100_000, seed=7)
        client.wait_for_first_epoch(job)
        seconds = arguments.soak_seconds
        address = ("127.0.0.1", service.port)
        pending = driver.submit(drive, address, requests, arguments.soak_clients, seconds)
        memory = watch(pending, lambda: api_memory(service))
        load = pending.result()
        epochs = client.job(job)["progress"]["epoch"]
        client.patch(f"/v1/training-jobs/{job}", {"desired_status": "cancelled"})
        client.wait_for_status(job, "cancelled")
    load_told = f"{arguments.soak_clients}, {seconds:.0f}, {load.rate:,.0f}"
    yield Row("connections beside a training, seconds, requests a second", load_told)
    yield Row("epochs that the training had by the end", str(epochs))
    yield none_of("failures of these connections", load.describe_failures())
    yield none_of("answers of theirs that aren't Keras's", str(NATIVE.count_wrong(load, expected) or ""))
    yield from describe_memory(memory)
    span = min(MINUTE, seconds / 2)
    first, last = load.milliseconds(99, 0, span), load.milliseconds(99, seconds - span, seconds)
    yield Row(f"p99 of the first and last {span:.0f} s", f"{first:.1f} ms, {last:.1f} ms: {last / first:.2f} times")


def many(folder: Path, arguments: Namespace) -> Rows:
    """More models than the cache holds, asked for at random."""
    var, names = folder / "many" / "var", [f"tiny-{number}" for number in range(arguments.models)]
    rows = np.array(SLICE["inputs"], np.float32)[:4]
    paths = prepare_many(var, names)
    expected = np.stack([run_onnx(path, rows) for path in paths])
    requests = [NATIVE.request(name, rows) for name in names]
    size = Size(arguments.processes, arguments.threads)
    program = fitserve(var.parent, size, prediction_cache_versions=str(CACHED))
    with Server(program, folder / "many.log") as server, driving_process() as driver:
        server.wait_for(requests[0])
        pending = driver.submit(drive, server.address, requests, MANY_CLIENTS, arguments.many_seconds)
        memory = watch(pending, server.memory)
        load = pending.result()
    different = len({one.tobytes() for one in expected})
    yield Row("models, cached, different predictions", f"{len(names)}, {CACHED}, {different}")
    yield Row("models asked, requests a second", f"{len(load.answers)}, {load.rate:,.0f}")
    yield Row("p50, p99", f"{load.milliseconds(50):.1f} ms, {load.milliseconds(99):.1f} ms")
    yield none_of("failures", load.describe_failures())
    yield none_of("wrong answers", str(NATIVE.count_wrong(load, expected) or ""))
    yield from describe_memory(memory)


def prepare_many(var: Path, names: list[str]) -> list[Path]:
    """The ONNX files of tiny models, each trained with a seed of its own."""
    folder = var.parent
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{name}.onnx" for name in names]
    if all(path.exists() for path in paths):
        return paths
    with running_service(var, worker_slots="2") as service:
        client = service.client
        if client.request("GET", "/v1/datasets/slice").status_code != 200:
            client.post("/v1/datasets", SLICE)
        jobs = {}
        for seed, (name, path) in enumerate(zip(names, paths, strict=True)):
            if not path.exists() and client.request("GET", f"/v1/models/{name}").status_code != 200:
                client.post("/v1/models", named(TINY, name), wait=60)
                jobs[name] = client.start_training(name, "slice", epochs=1, seed=seed)
        for job in jobs.values():
            client.wait_for_status(job, "succeeded", seconds=1800)
        return [download(client, name, "onnx", folder) for name in names]


def run_onnx(path: Path, rows: np.ndarray) -> np.ndarray:
    """What a version's own file makes of the rows."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"input": rows})
    return output


def ten(folder: Path, arguments: Namespace) -> Rows:
    """The memory of an api process that has ten models loaded."""
    networks = prepare(folder, list(NETWORKS))
    names = {f"{network.name}-{number}": network for network in networks for number in range(1, 6)}
    with running_service(folder / "var") as service:
        for name, network in names.items():
            train(service.client, network.name, name)
    requests = [NATIVE.request(name, network.pixels[0, :1]) for name, network in names.items()]
    size = Size(arguments.processes, arguments.threads)
    with Server(fitserve(folder, size), folder / "ten.log") as server, driving_process() as driver:
        _, seconds = server.wait_for(READY)
        for request in requests:
            server.wait_for(request)
        load = driver.submit(drive, server.address, requests, 4 * size.processes, LOADING_SECONDS).result()
        yield at_most("an api is ready after", seconds, READY_SECONDS, "s")
        yield Row("models that it has loaded", str(len(load.answers)))
        yield none_of("failures meanwhile", load.describe_failures())
        sizes = sorted(megabytes(process) for process in server.processes())
        yield Row("its processes (PSS)", ", ".join(f"{one:.0f} MB" for one in sizes))
        yield at_most("the largest of them", sizes[-1], MOST_OF_A_PROCESS, "MB")
        yield none_of("libraries of TensorFlow in them", ", ".join(server.loaded(NEVER_IN_THE_API)))


def api_memory(service: RunningService) -> float:
    """The proportional set size of the api's processes in MB."""
    api = service.part("api")
    return sum(megabytes(process) for process in (api, *api.children(recursive=True)))


def watch(pending: Future[Load], measure: Callable[[], float]) -> list[float]:
    """Memory each second until the load is over."""
    found = []
    while not pending.done():
        found.append(measure())
        time.sleep(LOOK_SECONDS)
    return found


def describe_memory(memory: list[float]) -> Rows:
    settled = memory[min(SETTLED_SECONDS, len(memory) // 2)]
    yield Row(
        f"memory of the api (PSS) after {SETTLED_SECONDS} s, at most, at the end",
        f"{settled:.0f} MB, {max(memory):.0f} MB, {memory[-1]:.0f} MB",
    )
    yield at_most("its growth from then to the end", memory[-1] - settled, MOST_GROWTH, "MB")
