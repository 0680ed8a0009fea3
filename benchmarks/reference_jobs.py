"""Run the reference jobs over HTTP against a real service, and report the results.

    python -m benchmarks.reference_jobs [line rings tables mnist cats cifar frozen api load]

MNIST and CIFAR-10 are read from `mnist.npz` and `cifar10-images.zip` in FITSERVE_TEST_DATA, or in `../shared/data`.
"""

import io
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.uploads import post_file
from tests.journeys.specs import (
    CAT_LOGISTIC,
    CAT_TWO_LAYERS,
    CIFAR_CONVOLUTIONAL,
    CIFAR_DENSE,
    CIFAR_DENSE_GRAPH,
    DIGITS,
    LINE,
    LINE_DATASET,
    RINGS,
    RINGS_DATASET,
    classifier,
    named,
)
from tests.reference_data import DATA, make_keras_home
from tests.running_service import Client, RunningService, running_service, wait_for

LOAD_SECONDS = 30
LOAD_CLIENTS = 8
SEED = 7
"""Seeds of the CIFAR-10 networks, fixed before anything was measured."""
CATS = 209
FIGURES = "loss of the first and last epoch; accuracy as it trained, on train and test rows; time"

Rows = Iterator[tuple[str, str]]


def line(service: RunningService) -> Rows:
    """The smallest job, and its duration on a warm worker."""
    client = service.client
    client.post("/v1/datasets", LINE_DATASET)
    client.post("/v1/models", LINE)
    client.train("line", "line", epochs=500, seed=7)
    totals, firsts = zip(*(_timed_line(client) for _ in range(5)), strict=True)
    job = client.get("/v1/training-jobs?limit=1")["items"][0]
    loss = client.get(job["links"]["metrics"])["epochs"][-1]["loss"]
    weights = client.get(job["links"]["version"] + "/weights", headers={"Accept": "application/json"})["weights"]
    predicted = client.predict("line", [[10.0]])["predictions"][0]["value"]
    yield "final loss", f"{loss:.2e}"
    yield "w, b", f"{weights[0]['values'][0][0]:.4f}, {weights[1]['values'][0]:.4f}"
    yield "prediction at 10", f"{predicted:.3f}"
    yield "POST to succeeded, median of 5", f"{statistics.median(totals):.2f} s"
    yield "POST to the first epoch's event, median of 5", f"{statistics.median(firsts):.2f} s"


def _timed_line(client: Client) -> tuple[float, float]:
    start = time.monotonic()
    job = client.start_training("line", "line", epochs=500, seed=7)
    wait_for(lambda: client.get(f"/v1/training-jobs/{job}/metrics?points=1")["epochs"])
    first = time.monotonic() - start
    client.wait_for_status(job, "succeeded")
    return time.monotonic() - start, first


def rings(service: RunningService) -> Rows:
    """The narrow network with eight seeds."""
    client = service.client
    client.post("/v1/datasets", RINGS_DATASET)
    client.post("/v1/models", RINGS)
    jobs = [client.train("rings", "rings", epochs=50, seed=seed) for seed in range(1, 9)]
    accuracies = [client.get(job["links"]["version"])["metrics"]["test"]["accuracy"] for job in jobs]
    yield "test accuracy, seeds 1 to 8", ", ".join(f"{accuracy:.3f}" for accuracy in accuracies)
    yield "seeds that reach 0.97", str(sum(accuracy >= 0.97 for accuracy in accuracies))
    firsts, epochs = zip(*(_timed_snapshot(client, seed) for seed in range(11, 16)), strict=True)
    yield "first prediction of a running job after its first epoch, median of 5", f"{statistics.median(firsts):.3f} s"
    yield "epochs of 50 that can predict afterwards", ", ".join(map(str, epochs))


def _timed_snapshot(client: Client, seed: int) -> tuple[float, int]:
    """Seconds of the first prediction with the first epoch of a running job; of its epochs, how many then predict."""
    job = client.start_training("rings", "rings", epochs=50, seed=seed, snapshots={"every": 1, "keep": 50})
    client.wait_for_first_epoch(job)
    path, rows = f"/v1/training-jobs/{job}/snapshots", {"instances": [[0.5, 0.5]]}
    start = time.monotonic()
    client.post(f"{path}/1/predictions", rows, expect=200)
    seconds = time.monotonic() - start
    client.wait_for_status(job, "succeeded")
    answers = [client.post(f"{path}/{epoch}/predictions", rows, expect=200) for epoch in range(1, 51)]
    return seconds, sum(answer["epoch"] == epoch for epoch, answer in enumerate(answers, 1))


def tables(service: RunningService) -> Rows:
    """The bundled datasets with standardized inputs."""
    client = service.client
    for name, shape, classes in (("iris", [4], 3), ("wine", [13], 3), ("digits", [8, 8], 10)):
        client.post("/v1/datasets", {"name": name, "source": name})
        client.post("/v1/models", classifier(name, shape, classes))
        version = client.get(client.train(name, name, epochs=60, seed=7)["links"]["version"])
        yield f"{name}: test accuracy; classes", f"{version['metrics']['test']['accuracy']:.3f}; {version['classes']}"
    dataset = client.post("/v1/datasets", {"name": "diabetes", "source": "diabetes"})
    layers = [{"type": "Dense", "units": 32, "activation": "relu"}, {"type": "Dense", "units": 1}]
    document = named(
        LINE,
        "diabetes",
        input={"dataset": "diabetes"},
        layers=layers,
        optimizer={"type": "Adam", "learning_rate": 0.01},
    )
    client.post("/v1/models", document)
    version = client.get(client.train("diabetes", "diabetes", epochs=100, seed=7)["links"]["version"])
    share = 1 - version["metrics"]["test"]["loss"] / dataset["target"]["std"] ** 2
    yield "diabetes: share of the variance explained, test rows", f"{share:.2f}"


def mnist(service: RunningService) -> Rows:
    """The main job on real data, with its predictions compared with Keras."""
    client = service.client
    client.post("/v1/datasets", {"name": "mnist", "source": "mnist"}, wait=60)
    model = client.post("/v1/models", DIGITS)
    job = client.train("digits-mlp", "mnist", epochs=5, batch_size=128, seed=7)
    version = client.get(job["links"]["version"])
    epochs = client.get(job["links"]["metrics"])["epochs"]
    yield "parameters", f"{model['summary']['parameters']:,}"
    yield "accuracy of epoch 5 as it trained", f"{epochs[-1]['accuracy']:.4f}"
    yield "train accuracy", f"{version['metrics']['train']['accuracy']:.4f}"
    yield "test accuracy", f"{version['metrics']['test']['accuracy']:.4f}"
    yield "execution; seconds of its epochs", f"{job['execution']}; {[round(epoch['seconds'], 2) for epoch in epochs]}"
    yield (
        "largest deviation from model.predict relative to max(1, value), 1,000 test rows",
        f"{_deviation(client, version):.1e}",
    )


def _deviation(client: Client, version: dict[str, Any]) -> float:
    import keras

    url = "/v1/datasets/mnist/rows?split=test&limit=100"
    instances: list[Any] = []
    while len(instances) < 1000:
        page = client.get(url)
        instances += [row["instance"] for row in page["items"]]
        url = page["next"]
    answer = client.predict("digits-mlp", instances)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        href = next(a["href"] for a in version["artifacts"] if a["format"] == "keras")
        path.write_bytes(client.request("GET", href).content)
        expected = keras.saving.load_model(path).predict(np.array(instances, "float32") / 255, verbose=0)
    scores = np.array([prediction["scores"] for prediction in answer["predictions"]])
    return float(np.max(np.abs(scores - expected) / np.maximum(1, np.abs(expected))))


def cats(service: RunningService) -> Rows:
    """Cat or not, with one unit and with two layers, and one unit on the bundled table."""
    client = service.client
    with tempfile.TemporaryDirectory() as folder:
        post_file(service, cat_pictures(Path(folder) / "cats.zip"), "name=cats")
    for document, epochs in ((CAT_LOGISTIC, 2_000), (CAT_TWO_LAYERS, 2_500)):
        client.post("/v1/models", document)
        job = client.train(document["name"], "cats", epochs=epochs, batch_size=CATS, seed=SEED)
        metrics = client.get(job["links"]["version"])["metrics"]
        accuracies = [metrics[split]["accuracy"] for split in ("train", "test")]
        yield f"{document['name']}: accuracy on train and test rows", ", ".join(f"{value:.3f}" for value in accuracies)
    client.post("/v1/datasets", {"name": "breast-cancer", "source": "breast-cancer"})
    cancer = named(CAT_LOGISTIC, "cancer", input={"dataset": "breast-cancer"}, layers=CAT_LOGISTIC["layers"][1:])
    client.post("/v1/models", cancer | {"optimizer": {"type": "SGD", "learning_rate": 0.1}})
    job = client.train("cancer", "breast-cancer", epochs=500, batch_size=1_000, seed=SEED)
    accuracy = client.get(job["links"]["version"])["metrics"]["test"]["accuracy"]
    yield "breast-cancer, one unit: test accuracy", f"{accuracy:.3f}"


def cat_pictures(path: Path) -> Path:
    """A ZIP of CATS training images and 2,000 test images of CIFAR-10, half of them cats."""
    generator = np.random.default_rng(SEED)
    with zipfile.ZipFile(DATA / "cifar10-images.zip") as source, zipfile.ZipFile(path, "w") as target:
        names = np.array([name for name in source.namelist() if name.endswith(".jpg")])
        is_cat = np.char.find(names, "/cat/") >= 0
        for split, count in (("train", CATS), ("test", 2_000)):
            here = np.char.startswith(names, f"{split}/")
            for label, chosen in (("cat", here & is_cat), ("other", here & ~is_cat)):
                share = count // 2 + (label == "other") * (count % 2)
                for name in generator.permutation(names[chosen])[:share].tolist():
                    target.writestr(f"{split}/{label}/{name.replace('/', '-')}", source.read(name))
    return path


def cifar(service: RunningService) -> Rows:
    """The dense network as a list and as a graph, and the convolutional one."""
    client = service.client
    post_file(service, DATA / "cifar10-images.zip", "name=cifar")
    digests = []
    for document in (CIFAR_DENSE, CIFAR_DENSE_GRAPH):
        model = client.post("/v1/models", document)
        job = client.train(document["name"], "cifar", epochs=10, batch_size=32, seed=SEED)
        weights = client.request("GET", job["links"]["version"] + "/weights", headers={"Accept": "application/x-npz"})
        with np.load(io.BytesIO(weights.content)) as arrays:
            digests.append([arrays[name].tobytes() for name in arrays.files])
        yield f"{document['name']}: parameters", f"{model['summary']['parameters']:,}"
        yield f"{document['name']}: {FIGURES}", describe(client, job)
    yield "list and graph have the same weights", str(digests[0] == digests[1])
    client.post("/v1/models", CIFAR_CONVOLUTIONAL, wait=60)
    job = client.train("cifar-convolutional", "cifar", epochs=10, batch_size=32, seed=SEED)
    yield f"convolutional: {FIGURES}", describe(client, job)


def describe(client: Client, job: dict[str, Any]) -> str:
    first, *_, last = client.get(job["links"]["metrics"])["epochs"]
    metrics = client.get(job["links"]["version"])["metrics"]
    accuracies = [last["accuracy"], metrics["train"]["accuracy"], metrics["test"]["accuracy"]]
    seconds = sum(epoch["seconds"] for epoch in client.get(job["links"]["metrics"])["epochs"])
    figures = ", ".join(f"{value:.4f}" for value in accuracies)
    return f"{first['loss']:.4f} → {last['loss']:.4f}; {figures}; {seconds:.0f} s ({job['execution']})"


def frozen(service: RunningService) -> Rows:
    """The frozen blocks of the convolutional network with a new head; runs after `cifar`."""
    client = service.client
    head = CIFAR_CONVOLUTIONAL["layers"][12:]
    blocks = {"type": "Pretrained", "model": "cifar-convolutional", "version": 1, "until": "leaky_re_lu_3"}
    document = named(CIFAR_CONVOLUTIONAL, "frozen", layers=[{**blocks, "trainable": False}, *head])
    summary = client.post("/v1/models", document, wait=60)["summary"]
    yield (
        "trainable and other parameters",
        f"{summary['trainable_parameters']:,}; {summary['non_trainable_parameters']:,}",
    )
    job = client.train("frozen", "cifar", epochs=2, batch_size=32, seed=SEED)
    yield f"2 epochs: {FIGURES}", describe(client, job)
    kept = [
        client.request("GET", f"/v1/models/{name}/versions/1/weights", headers={"Accept": "application/x-npz"}).content
        for name in ("cifar-convolutional", "frozen")
    ]
    with np.load(io.BytesIO(kept[0])) as before, np.load(io.BytesIO(kept[1])) as after:
        blocks_before = [before[name].tobytes() for name in before.files]
        blocks_after = [after[name].tobytes() for name in after.files if name.startswith("pretrained")]
    unchanged = all(weights in blocks_before for weights in blocks_after)
    yield "arrays of the frozen blocks; bit for bit unchanged", f"{len(blocks_after)}; {unchanged}"


def api(service: RunningService) -> Rows:
    """Memory of the api processes after a prediction."""
    client = service.client
    if client.request("GET", "/v1/models/line").status_code == 404:
        client.post("/v1/datasets", LINE_DATASET)
        client.post("/v1/models", LINE)
        client.train("line", "line", epochs=5)
    for _ in range(50):
        Client(client.base_url).predict("line", [[10.0]])
    processes = service.part("api").children()
    sizes = [process.memory_full_info().pss / 1e6 for process in processes]
    libraries = [m.path for process in processes for m in process.memory_maps() if "tensorflow" in m.path]
    yield "PSS of each api process after predictions", ", ".join(f"{size:.0f} MB" for size in sizes)
    yield "TensorFlow's libraries mapped in them", str(len(libraries))


def load(service: RunningService) -> Rows:
    """Clients that concurrently create, read, patch and delete while the worker is busy."""
    service.client.post("/v1/datasets", named(LINE_DATASET, "load"))
    service.client.post("/v1/models", named(LINE, "load"))
    deadline = time.monotonic() + LOAD_SECONDS
    counts, faults = [0] * LOAD_CLIENTS, []

    def work(number: int) -> None:
        try:
            client = Client(service.client.base_url)
            while time.monotonic() < deadline:
                _one_round(client, f"load-{number}", counts[number])
                counts[number] += 1
        except Exception as error:
            faults.append(repr(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(LOAD_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield f"rounds of create, read, patch, delete by {LOAD_CLIENTS} clients in {LOAD_SECONDS} s", str(sum(counts))
    yield "errors or lost updates", str(len(faults)) + (f": {faults[0]}" if faults else "")


def _one_round(client: Client, name: str, number: int) -> None:
    if number == 0:
        client.post("/v1/models", named(LINE, name), wait=60)
    client.patch(f"/v1/models/{name}", {"description": f"round {number}"})
    assert client.get(f"/v1/models/{name}")["description"] == f"round {number}", "a lost update"
    job = client.start_training("load", "load", epochs=2)
    assert job in [item["id"] for item in client.get("/v1/training-jobs?limit=100")["items"]]
    # Some jobs are faster than the order: then it is refused, rightly.
    assert client.request("PATCH", f"/v1/training-jobs/{job}", json={"desired_status": "cancelled"}).status_code in (
        200,
        409,
    )
    client.wait_for_status(job, "cancelled", "succeeded")
    client.delete(f"/v1/training-jobs/{job}")


PARTS: dict[str, Callable[[RunningService], Rows]] = {
    part.__name__: part for part in (line, rings, tables, mnist, cats, cifar, frozen, api, load)
}


def main(names: list[str]) -> None:
    """Run the named parts, all of them by default, and print a Markdown table."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        with running_service(Path(folder) / "var", make_keras_home(Path(folder))) as service:
            print(f"ready after {time.monotonic() - start:.1f} s on {psutil.cpu_count()} cores\n")
            print("| job | what | figure |\n| --- | --- | --- |")
            for name in names or list(PARTS):
                for what, figure in PARTS[name](service):
                    print(f"| {name} | {what} | {figure} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
