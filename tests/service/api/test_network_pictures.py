"""Pictures of networks over HTTP. The fake networks' first output is the sum of their inputs, and all others are 0."""

import base64
import io
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from service.context import Context
from service.operations.jobs.registry import kind_of
from tests.journeys.specs import LINE, RINGS, RINGS_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import UNBUILDABLE, FakeWorker, onnx_file
from tests.service.api.prepared_data import PreparedData

SVG = "image/svg+xml"
JSON = {"Accept": "application/json"}
NUMBERS = {
    "name": "plane", "source": "inline", "target": "kind", "split": {"validation": 0, "test": 0.25, "seed": 1},
    "rows": [{"a": x, "b": 10.0 * x if x else None, "kind": f"k{x % 2}"} for x in range(8)],
}  # fmt: skip
SENTENCES = {
    "name": "sentences", "source": "inline", "target": "mood", "types": {"said": "text"},
    "split": {"validation": 0, "test": 0},
    "rows": [{"said": f"{mood} word {number} " * 30, "mood": mood} for number in range(6) for mood in ("bad", "good")],
}  # fmt: skip
NAMES = ("rings", "blobs", "flowers", "plane", "pairs", "kinds", "sentences", "images", "series", "video")
WORDS = {"column": "said", "max_tokens": 20, "output_mode": "multi_hot"}
PAIRS = {"name": "pairs", "source": "inline", "inputs": [[0, 1], [2, 3]], "targets": [[1.5, 2], [3, 4]]}
KINDS = {"name": "kinds", "source": "inline", "inputs": [[0], [1], [2], [3]], "targets": ["a", "b", "a", "c"]}


def dense(units: int, **options: Any) -> dict[str, Any]:
    return {"type": "Dense", "units": units, **options}


SIGMOID = dense(1, activation="sigmoid")


def model(name: str, dataset: str, task: str, units: int, **options: Any) -> dict[str, Any]:
    loss, activation = {
        "binary": ("binary_crossentropy", "sigmoid"), "multiclass": ("categorical_crossentropy", "softmax"),
        "regression": ("mean_squared_error", "linear"),
    }[task]  # fmt: skip
    return {
        "name": name, "task": task, "input": {"dataset": dataset}, "layers": [dense(units, activation=activation)],
        "optimizer": "sgd", "loss": loss, **options,
    }  # fmt: skip


def upload_npz(api: ApiClient, name: str, **arrays: np.ndarray) -> None:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    file.seek(0)
    form = {"file": (file, "data.npz"), "name": name}
    api.send("POST", "/v1/datasets", 202, data=form, headers={"Prefer": "wait=0"})


def make_networks(api: ApiClient, worker: FakeWorker) -> None:
    """Models with a version each, on datasets of every kind."""
    generate, now = np.random.default_rng(1), {"Prefer": "wait=0"}
    small = {**RINGS_DATASET, "parameters": {"samples": 80, "noise": 0.05, "factor": 0.5, "seed": 7}}
    blobs = {"name": "blobs", "source": "blobs", "parameters": {"samples": 3000, "classes": 3, "seed": 1}}
    for dataset in (small, blobs, {"name": "flowers", "source": "iris"}, NUMBERS, SENTENCES, PAIRS, KINDS):
        api.post("/v1/datasets", dataset, 202, **now)
    targets = np.arange(12) % 3
    upload_npz(api, "images", x=generate.integers(0, 256, (12, 6, 200), dtype=np.uint8), y=targets)
    upload_npz(api, "series", x=generate.normal(size=(12, 150, 4)), y=targets)
    upload_npz(api, "video", x=generate.integers(0, 256, (12, 3, 4, 5, 3), dtype=np.uint8), y=targets)
    worker.run_all()
    flatten, softmax = {"type": "Flatten"}, dense(3, activation="softmax")
    for made in (
        named(RINGS, "rings", layers=[dense(4), SIGMOID]),
        model("blobs", "blobs", "multiclass", 3),
        model("flowers", "flowers", "multiclass", 3),
        model("plane", "plane", "binary", 1),
        model("pairs", "pairs", "regression", 2),
        model("kinds", "kinds", "multiclass", 3),
        model("sentences", "sentences", "binary", 1, input={"dataset": "sentences", "text": WORDS}),
        model("images", "images", "multiclass", 3, layers=[flatten, softmax]),
        model("series", "series", "multiclass", 3, layers=[flatten, softmax]),
        model("video", "video", "multiclass", 3, layers=[flatten, softmax]),
    ):
        api.post("/v1/models", made, 202, **now)
    worker.run_all()
    for name in NAMES:
        api.post("/v1/training-jobs", {**TRAINING, "model": name, "dataset": name, "epochs": 1}, 202)
    worker.run_all()


@pytest.fixture
def networks(api: ApiClient, context: Context, prepared: PreparedData) -> ApiClient:
    prepared.copy(make_networks, context)
    return api


def document(api: ApiClient, path: str, expect: int = 200) -> Any:
    return api.get(path, expect, **JSON)


def check_drawn(api: ApiClient, path: str) -> None:
    """The picture is an SVG with the title and the description of its document."""
    response = api.send("GET", path, 200)
    root = ElementTree.fromstring(response.data)
    texts = [root.findtext(f"{{http://www.w3.org/2000/svg}}{name}") for name in ("title", "desc")]
    numbers = document(api, path)
    assert (response.mimetype, texts) == (SVG, [numbers["title"], numbers["description"]])


def test_a_small_dense_network_is_drawn_neuron_by_neuron(networks: ApiClient) -> None:
    shown = document(networks, "/v1/models/rings/architecture")
    assert (shown["style"], shown["layer_count"], shown["parameters"]) == ("neurons", 2, 17)
    assert [(column["name"], column["neurons"]) for column in shown["columns"]] == [
        ("input", 2), ("layer_0", 4), ("layer_1", 1),
    ]  # fmt: skip
    assert shown["style_reason"] == "The network has at most 16 neurons in each of at most 6 dense layers."
    check_drawn(networks, "/v1/models/rings/architecture")
    asked = document(networks, "/v1/models/rings/architecture?style=layers")
    assert [(layer["detail"], layer["inputs"]) for layer in asked["layers"]] == [
        ("4 units", ["input"]), ("1 unit, sigmoid", ["layer_0"]),
    ]  # fmt: skip
    assert networks.get("/v1/models/rings/architecture?style=x", 400)["errors"][0]["parameter"] == "style"


def test_a_large_network_is_drawn_as_layers_and_says_why(networks: ApiClient, worker: FakeWorker) -> None:
    wide = named(RINGS, "wide", layers=[dense(40), {"type": "Dropout", "rate": 0.5}, SIGMOID])
    networks.post("/v1/models", wide)
    shown = document(networks, "/v1/models/wide/architecture")
    assert shown["style"] == "layers"
    assert shown["style_reason"] == "A layer has 40 neurons; neurons are drawn by default for up to 16 a layer."
    assert shown["description"] == "The network of wide has 3 layers from 2 to 1, with 161 parameters."
    neurons = document(networks, "/v1/models/wide/architecture?style=neurons")
    assert [column["drawn"] for column in neurons["columns"]] == [2, 16, 1]
    assert neurons["notes"] == [
        "Layers without neurons are not drawn: layer_1.", "At most 16 neurons of a layer are drawn.",
    ]  # fmt: skip
    deep = named(RINGS, "deep", layers=[*[dense(20), {"type": "ReLU"}] * 200, SIGMOID])
    networks.post("/v1/models", deep)
    folded = document(networks, "/v1/models/deep/architecture?style=layers")
    assert (folded["layer_count"], len(folded["layers"])) == (401, 5)
    assert folded["blocks"] == [{"layers": ["layer_1", "layer_2"], "times": 199}]
    check_drawn(networks, "/v1/models/deep/architecture")


def test_a_network_that_is_not_built_has_no_architecture_yet(api: ApiClient, idle_worker: FakeWorker) -> None:
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    response = api.send("GET", "/v1/models/line/architecture", 409)
    assert response.headers["Retry-After"] == "1"
    api.post("/v1/models", named(LINE, "bad", description=UNBUILDABLE), 202, Prefer="wait=0")
    idle_worker.run_all()
    assert "Its error says why" in api.get("/v1/models/bad/architecture", 409)["detail"]
    api.get("/v1/models/none/architecture", 404)


def train(api: ApiClient, worker: FakeWorker, **options: Any) -> str:
    worker.takes_snapshots = True
    job = api.post("/v1/training-jobs", {**TRAINING, **options}, 202)
    worker.run_all()
    return f"{job['links']['self']}/boundary"


def test_the_curve_of_a_training_follows_its_epochs(trained: ApiClient, idle_worker: FakeWorker) -> None:
    """In the snapshots of `line` the only weight is the epoch."""
    url = train(trained, idle_worker)
    for epoch, number in (("2", 2), ("latest", 3), ("best", 3)):
        shown = document(trained, f"{url}?epoch={epoch}&resolution=8")
        axis = shown["axes"][0]
        assert (shown["epoch"], shown["title"], axis["name"]) == (number, f"line, epoch {number}", "x")
        assert (axis["minimum"], axis["maximum"]) == pytest.approx((-1.4, 4.4))
        assert shown["values"][0] == pytest.approx((number * np.linspace(-1.4, 4.4, 8)).tolist(), abs=1e-3)
        assert shown["rows"]["targets"] == [-3, -1, 1, 3, 5, 7]
        assert shown["rows"]["predictions"] == [number * x for (x,) in shown["rows"]["inputs"]]
    assert document(trained, url)["epoch"] == 3
    assert document(trained, f"{url}?rows=false")["rows"] is None
    check_drawn(trained, url)
    assert "epoch 3" in trained.get(f"{url}?epoch=9", 404)["detail"]
    for query, parameter in (("epoch=0", "epoch"), ("epoch=last", "epoch"), ("resolution=7", "resolution")):
        assert trained.get(f"{url}?{query}", 400)["errors"][0]["parameter"] == parameter
    trained.get("/v1/training-jobs/tj_none/boundary", 404)


def test_before_the_first_epoch_the_picture_says_so(trained: ApiClient, idle_worker: FakeWorker) -> None:
    job = trained.post("/v1/training-jobs", TRAINING, 202)
    url = f"{job['links']['self']}/boundary"
    shown = document(trained, url)
    assert (shown["description"], shown["epoch"], shown["values"]) == ("No epoch has ended yet.", None, None)
    check_drawn(trained, url)
    lease, row = idle_worker.claim() or pytest.fail("nothing is queued")
    assignment = kind_of(row).describe(idle_worker._context, row)
    idle_worker.record_snapshot(lease, assignment, 1)  # type: ignore[arg-type]
    idle_worker.record_epochs(lease, 1, 1, 3)
    assert document(trained, url)["epoch"] == 1
    assert trained.get(f"{url}?epoch=2", 404)["detail"].startswith("Epoch 2 of 3 hasn't ended yet.")


def test_a_plane_has_a_prediction_at_each_point_and_the_rows(networks: ApiClient) -> None:
    url = "/v1/models/rings/versions/1/boundary"
    shown = document(networks, f"{url}?resolution=10")
    across, up = (np.linspace(axis["minimum"], axis["maximum"], 10) for axis in shown["axes"])
    sums = across + up[:, None]
    assert np.allclose(np.array(shown["values"]), sums, atol=1e-3)
    assert (shown["classes"], shown["threshold"], shown["predicted"]) == ([0, 1], 0.5, None)
    assert [axis["name"] for axis in shown["axes"]] == ["x1", "x2"]
    rows = shown["rows"]
    assert (rows["total"], len(rows["inputs"]), rows["predictions"]) == (80, 80, None)
    assert {split: rows["splits"].count(split) for split in set(rows["splits"])} == {
        "train": 48, "validation": 16, "test": 16,
    }  # fmt: skip
    networks.patch("/v1/models/rings", {"threshold": 0.8})
    assert document(networks, url)["threshold"] == 0.8
    assert len(document(networks, f"{url}?resolution=900")["values"]) == 200
    check_drawn(networks, url)


def test_a_plane_of_several_classes_has_the_most_probable_one(networks: ApiClient) -> None:
    shown = document(networks, "/v1/models/blobs/versions/1/boundary?resolution=20")
    values, predicted = np.array(shown["values"]), np.array(shown["predicted"])
    assert values.shape == predicted.shape == (20, 20)
    assert (predicted[values > 0] == 0).all()
    assert shown["rows"]["total"] == 3000
    assert len(shown["rows"]["inputs"]) <= 2000
    assert shown["notes"] == [f"{len(shown['rows']['inputs']):,} of 3,000 rows are shown, chosen at random."]
    check_drawn(networks, "/v1/models/blobs/versions/1/boundary")


def test_a_plane_of_numbers_shows_the_first_of_several(networks: ApiClient) -> None:
    shown = document(networks, "/v1/models/pairs/versions/1/boundary?resolution=9")
    assert np.array(shown["values"]).shape == (9, 9)
    assert (shown["rows"]["targets"], shown["rows"]["predictions"]) == ([1.5, 3], None)
    assert shown["notes"] == ["The first of 2 outputs is shown."]


def test_classes_of_one_number_have_a_curve_each(networks: ApiClient) -> None:
    shown = document(networks, "/v1/models/kinds/versions/1/boundary?resolution=9")
    assert (shown["curves"], np.array(shown["values"]).shape) == ([0, 1, 2], (3, 9))
    assert [shown["classes"][target] for target in shown["rows"]["targets"]] == ["a", "b", "a", "c"]
    check_drawn(networks, "/v1/models/kinds/versions/1/boundary")


def test_columns_of_a_table_span_a_plane(networks: ApiClient) -> None:
    shown = document(networks, "/v1/models/plane/versions/1/boundary")
    assert [axis["name"] for axis in shown["axes"]] == ["a", "b"]
    assert shown["rows"]["inputs"][0][1] == 10 * shown["rows"]["inputs"][0][0]
    assert {shown["classes"][target] for target in shown["rows"]["targets"]} == {"k0", "k1"}
    assert shown["notes"] == ["1 row is left out because a number is missing."]


def test_other_networks_have_no_boundary(networks: ApiClient) -> None:
    for name, why in (
        ("flowers", "this one takes 4."), ("images", "a row of this one has the shape 6 × 200."),
    ):  # fmt: skip
        problem = document(networks, f"/v1/models/{name}/versions/1/boundary", 409)
        assert (problem["type"], problem["detail"]) == (
            "/problems/no-picture", f"The picture needs a network that takes one or two numbers; {why}",
        )  # fmt: skip
    networks.get("/v1/models/flowers/versions/2/boundary", 404)


def test_without_its_dataset_a_boundary_has_no_rows(networks: ApiClient) -> None:
    networks.delete("/v1/datasets/rings")
    shown = document(networks, "/v1/models/rings/versions/1/boundary")
    assert shown["rows"] is None
    assert shown["notes"] == ["The dataset of the training doesn't exist any more, so there are no rows."]
    check_drawn(networks, "/v1/models/rings/versions/1/boundary")


def test_samples_of_a_table_have_values_and_predictions(networks: ApiClient) -> None:
    url = "/v1/models/flowers/versions/1/samples"
    shown = document(networks, f"{url}?count=5")
    assert (shown["kind"], shown["split"], shown["rows"], len(shown["items"])) == ("values", "test", 30, 5)
    rows = {row["row"]: row for row in networks.get("/v1/datasets/flowers/rows?split=test&limit=100")["items"]}
    instances = [rows[item["row"]]["instance"] for item in shown["items"]]
    answer = networks.post("/v1/models/flowers/versions/1/predictions", {"instances": instances}, 200)
    for item, prediction in zip(shown["items"], answer["predictions"], strict=True):
        assert item["target"] == rows[item["row"]]["target"]
        assert {cell["name"]: cell["value"] for cell in item["values"]} == rows[item["row"]]["instance"]
        assert (item["predicted"], item["score"]) == (prediction["label"], pytest.approx(prediction["score"]))
        assert item["correct"] == (item["predicted"] == item["target"])
    second = document(networks, f"{url}?count=5&page=2")
    assert not {item["row"] for item in shown["items"]} & {item["row"] for item in second["items"]}
    assert document(networks, f"{url}?count=5&seed=1")["items"] != shown["items"]
    check_drawn(networks, url)


def test_only_wrong_samples_can_be_shown(networks: ApiClient) -> None:
    shown = document(networks, "/v1/models/flowers/versions/1/samples?wrong=true&count=60")
    everything = document(networks, "/v1/models/flowers/versions/1/samples?count=60")
    wrong = [item for item in everything["items"] if not item["correct"]]
    assert shown["items"] == wrong
    assert 0 < len(wrong) < 30
    assert shown["notes"] == ["Only wrong predictions are shown; all 30 rows were checked."]


def test_samples_of_images_are_shrunk_and_of_videos_one_frame(networks: ApiClient) -> None:
    shown = document(networks, "/v1/models/images/versions/1/samples")
    assert shown["kind"] == "picture"
    assert "Images of 200 × 6 pixels are shrunk to 160 at most." in shown["notes"]
    with Image.open(io.BytesIO(base64.b64decode(shown["items"][0]["picture"]["b64"]))) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (160, 5), "L")
    video = document(networks, "/v1/models/video/versions/1/samples")
    assert "The middle one of 3 frames is shown." in video["notes"]
    with Image.open(io.BytesIO(base64.b64decode(video["items"][0]["picture"]["b64"]))) as image:
        assert (image.size, image.mode) == ((5, 4), "RGB")
    check_drawn(networks, "/v1/models/images/versions/1/samples")


def test_samples_of_series_are_lines(networks: ApiClient) -> None:
    shown = document(networks, "/v1/models/series/versions/1/samples?count=2")
    assert shown["kind"] == "series"
    assert [len(line["values"]) for line in shown["items"][0]["series"]] == [120, 120, 120]
    assert shown["notes"][-2:] == ["3 of 4 features are shown.", "120 of 150 steps are shown, evenly spaced."]


def test_samples_of_texts_show_their_beginnings(networks: ApiClient) -> None:
    shown = document(networks, "/v1/models/sentences/versions/1/samples?count=2")
    assert (shown["kind"], len(shown["items"][0]["text"])) == ("text", 160)
    assert shown["items"][0]["text"].startswith(f"{shown['items'][0]['target']} word")
    assert shown["notes"] == [
        "The dataset has no test rows; these are train rows.", "The first 160 characters of a text are shown.",
    ]  # fmt: skip


def test_samples_need_rows_of_a_dataset_that_fits(networks: ApiClient) -> None:
    line = "/v1/models/images/versions/1/samples"
    assert document(networks, f"{line}?dataset=series", 409)["type"] == "/problems/no-picture"
    document(networks, f"{line}?dataset=none", 404)
    networks.delete("/v1/datasets/images")
    detail = document(networks, line, 409)["detail"]
    assert detail == (
        'Version 1 was trained on "images", which was deleted. Name a dataset that fits it with `?dataset=`.'
    )


def test_samples_of_a_dataset_without_test_rows_are_others(trained: ApiClient) -> None:
    url = "/v1/models/line/versions/1/samples"
    shown = document(trained, url)
    assert (shown["split"], shown["notes"]) == ("train", ["The dataset has no test rows; these are train rows."])
    assert all(item["correct"] is None and item["predicted"] == item["values"][0]["value"] for item in shown["items"])
    assert "It has train rows" in document(trained, f"{url}?split=test", 409)["detail"]
    tested = document(trained, f"{url}?dataset=tested")
    assert (tested["dataset"], tested["split"], tested["notes"]) == ("tested", "test", [])


def test_filters_are_tiles_bars_or_a_matrix(networks: ApiClient) -> None:
    bars = document(networks, "/v1/models/flowers/versions/1/filters")
    assert (bars["kind"], bars["layer"], bars["shape"]) == ("bars", "dense", [4, 3])
    assert bars["matrix"]["rows"] == ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    assert bars["matrix"]["columns"] == ["setosa", "versicolor", "virginica"]
    assert bars["matrix"]["values"] == [[1, 0, 0]] * 4
    tiles = document(networks, "/v1/models/images/versions/1/filters")
    assert (tiles["kind"], tiles["colours"], [tile["name"] for tile in tiles["tiles"]]) == (
        "tiles", False, ["0", "1", "2"],
    )  # fmt: skip
    assert np.array(tiles["tiles"][0]["values"]).shape == (2, 40)
    assert tiles["notes"] == ["Tiles of 200 × 6 are shrunk by averaging 5 × 5 weights."]
    check_drawn(networks, "/v1/models/images/versions/1/filters")


def test_a_network_without_layers_has_no_filters_and_says_so(api: ApiClient, worker: FakeWorker) -> None:
    form = {"file": (io.BytesIO(onnx_file(2, 2)), "network.onnx"), "name": "foreign", "task": "multiclass"}
    api.send("POST", "/v1/models", 201, data=form)
    shown = document(api, "/v1/models/foreign/versions/1/filters")
    assert (shown["kind"], shown["tiles"]) == ("none", [])
    assert shown["notes"] == ["The version has no layers. It was imported as ONNX, which can't be converted to Keras."]
    check_drawn(api, "/v1/models/foreign/versions/1/boundary")
    assert document(api, "/v1/models/foreign/versions/1/samples", 409)["detail"].startswith("Version 1 has no dataset.")
    check_drawn(api, "/v1/models/foreign/architecture")
