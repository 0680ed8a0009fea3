"""A client's own files, from upload to prediction."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.running_service import Client, RunningService

ROWS = 300
WEATHER = "date;city;wind;sunny;glad\n" + "".join(
    f"2026-{i % 12 + 1:02}-{i % 28 + 1:02};{('Bern', 'Oslo', 'Rome')[i % 3]};{i % 7},5;"
    f"{str(i % 2 == 0).lower()};{'yes' if i % 3 == 2 else 'no'}\n"
    for i in range(ROWS)
)


def upload(client: Client, data: bytes, file_name: str, expect: int = 201, **fields: str) -> Any:
    headers = {"Prefer": "wait=60"}
    response = client.request("POST", "/v1/datasets", data=fields, files={"file": (file_name, data)}, headers=headers)
    assert response.status_code == expect, f"{response.status_code}: {response.text}"
    return response.json()


def classifier(name: str, units: int, **changes: Any) -> dict[str, Any]:
    layers = [
        {"type": "Flatten"},
        {"type": "Dense", "units": 16, "activation": "relu"},
        {"type": "Dense", "units": units, "activation": "softmax"},
    ]
    return {
        "name": name, "task": "multiclass", "input": {"dataset": name}, "layers": layers,
        "optimizer": {"type": "Adam", "learning_rate": 0.02}, "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"], **changes,
    }  # fmt: skip


def picture(colour: tuple[int, int, int], size: int = 8, kind: str = "PNG") -> bytes:
    memory = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(memory, kind)
    return memory.getvalue()


def test_a_table_is_understood_trained_on_and_predicted_with(client: Client) -> None:
    dataset = upload(client, WEATHER.encode(), "weather.csv", name="weather", target="glad")
    types = {column["name"]: column["type"] for column in dataset["inputs"]}
    assert types == {"date": "date", "city": "category", "wind": "number", "sunny": "boolean"}
    client.post("/v1/models", classifier("weather", 2))
    job = client.train("weather", "weather", epochs=40, seed=7)
    assert client.get(job["links"]["version"])["metrics"]["test"]["accuracy"] > 0.95

    row = {"date": "2026-05-05", "city": "Rome", "wind": 3.5, "sunny": True}
    assert client.predict("weather", [row])["predictions"][0]["label"] == "yes"
    answer = client.predict("weather", [row | {"city": "Lima", "wind": None}])
    assert {warning["type"] for warning in answer["warnings"]} == {"unseen_category", "missing"}
    posted = client.request(
        "POST", "/v1/models/weather/predictions", data="city,date,sunny,wind\nOslo,2026-05-05,true,2\n",
        headers={"Content-Type": "text/csv"},
    )  # fmt: skip
    assert posted.json()["predictions"][0]["label"] == "no"


def test_pictures_are_trained_on_and_a_posted_one_gets_its_class(client: Client) -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for i in range(30):
            archive.writestr(f"red/{i}.png", picture((200 + i, 10, i)))
            archive.writestr(f"blue/{i}.png", picture((10, i, 200 + i)))
    dataset = upload(client, memory.getvalue(), "colours.zip", name="colours")
    assert (dataset["kind"], dataset["target"]["classes"]) == ("image", ["blue", "red"])
    client.post("/v1/models", classifier("colours", 2, input={"dataset": "colours", "scaling": "unit"}))
    client.train("colours", "colours", epochs=20, seed=7)

    for body, type_ in ((picture((255, 0, 0)), "image/png"), (picture((255, 0, 0), 20, "JPEG"), "image/jpeg")):
        answer = client.request(
            "POST", "/v1/models/colours/predictions", data=body, headers={"Content-Type": type_}
        ).json()
        assert answer["predictions"][0]["label"] == "red", answer
    assert [warning["type"] for warning in answer["warnings"]] == ["resized"]


def test_arrays_with_their_own_test_rows_keep_them(client: Client) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(60, 5, 2)).astype(np.float32)
    y = x[:, :, 0].mean(axis=1)
    memory = io.BytesIO()
    np.savez(memory, x_train=x[:50], y_train=y[:50], x_test=x[50:], y_test=y[50:])
    dataset = upload(client, memory.getvalue(), "steps.npz", name="steps")
    assert (dataset["kind"], dataset["splits"]) == ("sequence", {"train": 50, "validation": 0, "test": 10})
    layers = [{"type": "Flatten"}, {"type": "Dense", "units": 1}]
    document = classifier("steps", 2, task="regression", layers=layers, loss="mse", metrics=[])
    client.post("/v1/models", document)
    client.train("steps", "steps", epochs=5, seed=7)
    assert len(client.predict("steps", x[:3].tolist())["predictions"]) == 3


@pytest.mark.parametrize(
    ("data", "name", "part"),
    [
        (b"", "empty.csv", {"file": "empty.csv"}),
        (b"a,b\n", "header.csv", {"file": "header.csv"}),
        (b"a,b\n1,2\n3\n4,5\n", "ragged.csv", {"row": 3}),
        (b"a,a,b\n1,2,3\n", "doubled.csv", {"column": "a"}),
        (b"\x89PNG\r\n\x1a\n\0\0", "picture.csv", {"file": "picture.csv"}),
    ],
)
def test_a_file_that_cannot_be_a_dataset_is_located_and_leaves_nothing(
    service: RunningService, client: Client, data: bytes, name: str, part: dict[str, Any]
) -> None:
    problem = upload(client, data, name, expect=422, name="broken", target="b")
    assert any(set(part) <= set(error) for error in problem["errors"]), problem
    assert client.request("GET", "/v1/datasets/broken").status_code == 404
    artifacts = service.data_dir / "artifacts"
    assert [path for path in (artifacts / "uploads").rglob("*") if path.is_file()] == []
    assert [path for path in (artifacts / ".staging").rglob("*") if path.is_file()] == []


def test_the_same_upload_with_the_same_key_makes_one_dataset(client: Client) -> None:
    def post(_: int) -> int:
        mine = Client(client.base_url)
        response = mine.request(
            "POST", "/v1/datasets", data={"name": "once", "target": "glad"},
            files={"file": ("weather.csv", WEATHER.encode())},
            headers={"Idempotency-Key": "one-and-the-same", "Prefer": "wait=60"},
        )  # fmt: skip
        return response.status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = set(pool.map(post, range(4)))
    assert statuses <= {201, 409}
    assert 201 in statuses
    assert client.get("/v1/datasets/once")["status"] == "ready"
