"""Variants of versions: what is quantized, how it is compared, and when it is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets import Dataset, Split
from models.errors import AccuracyDrop, NotQuantizable
from models.jobs.assignment import Phase, Runtime
from models.jobs.variant import VariantAssignment, VariantResult
from models.limits import Limits
from models.model_files.imported import ImportFields
from models.model_files.onnx_version import make_version as import_version
from models.predictor import Predictor
from models.preprocessing import Preprocessing
from models.tasks import variant
from models.tasks.variant import NOT_FASTER, NOT_SMALLER, find_doubts, find_drawbacks, find_problem, run
from models.variants import calibration
from models.variants.calibration import calibration_batches, choose_rows
from models.variants.comparing import compare
from models.variants.int8 import quantize
from models.version_files import ARTIFACTS
from models.versions import load_served
from tests.models.made_datasets import make_dataset
from tests.models.made_versions import make_version, random_weights
from tests.models.test_tasks_checkpoints import RecordingChannel

FILES = Path(__file__).parent / "onnx_files"
ROWS = np.random.default_rng(3).normal(size=(300, 6)).round(2)
SPLIT = {"validation": 0.1, "test": 0.4}
HIDDEN: list[dict[str, Any]] = [
    {"type": "Dense", "units": 16, "activation": "relu"},
    {"type": "Dense", "units": 3, "activation": "softmax"},
]
HIDDEN_WEIGHTS = random_weights(
    dense__kernel=(6, 16), dense__bias=(16,), dense_1__kernel=(16, 3), dense_1__bias=(3,)
)  # fmt: skip


@pytest.fixture(autouse=True)
def _threads_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of TensorFlow's threads can only be set before it is used."""
    monkeypatch.setattr(variant, "configure_threads", lambda threads: None)


def softmax_classes(inputs: np.ndarray, weights: dict[str, np.ndarray]) -> list[str]:
    """The classes that HIDDEN predicts for standardized inputs."""
    scaled = (inputs - inputs.mean(0)) / inputs.std(0)
    hidden = np.maximum(scaled @ weights["dense/kernel"] + weights["dense/bias"], 0)
    return names((hidden @ weights["dense_1/kernel"] + weights["dense_1/bias"]).argmax(1))


def names(classes: np.ndarray) -> list[str]:
    return ["abc"[index] for index in classes.tolist()]


@pytest.fixture
def classes(tmp_path: Path) -> Dataset:
    """Rows in three classes, which HIDDEN_WEIGHTS nearly know."""
    targets = softmax_classes(ROWS, HIDDEN_WEIGHTS)
    return make_dataset(tmp_path, "inline", inputs=ROWS.tolist(), targets=targets, split=SPLIT)


def in_order(dataset: Dataset, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights of HIDDEN with the outputs in the order of the dataset's classes."""
    order = ["abc".index(name) for name in dataset.descriptor.target.labels]
    return weights | {name: weights[name][..., order] for name in ("dense_1/kernel", "dense_1/bias")}


def assign(version: Path, dataset: Dataset, most: float = 0.05) -> VariantAssignment:
    return VariantAssignment(
        version=version, dataset=dataset.folder, type="int8", max_accuracy_drop=most, limits=Limits(), runtime=Runtime()
    )


def made(folder: Path, version: Path, dataset: Dataset, most: float = 0.05) -> VariantResult:
    folder.mkdir(exist_ok=True)
    return run(assign(version, dataset, most), folder, RecordingChannel())


def hidden_version(folder: Path, dataset: Dataset) -> Path:
    weights = in_order(dataset, HIDDEN_WEIGHTS)
    return make_version(folder / "version", dataset, "multiclass", "categorical_crossentropy", HIDDEN, weights, 3)


def types_of(result: VariantResult) -> list[str]:
    """The types of the warnings, without those that depend on the machine, or on a network being tiny."""
    return [warning["type"] for warning in result.warnings if warning["type"] not in {NOT_SMALLER, NOT_FASTER}]


def test_a_dense_network_is_quantized_compared_and_certified(tmp_path: Path, classes: Dataset) -> None:
    version = hidden_version(tmp_path, classes)
    channel, folder = RecordingChannel(), tmp_path / "variant"
    folder.mkdir()
    result = run(assign(version, classes), folder, channel)
    assert channel.phases == [Phase.QUANTIZE, Phase.EVALUATE]
    assert (result.quantized["Gemm"], result.unquantized) == (2, {"Softmax": 1})
    assert (result.split, result.rows, result.calibration_rows, result.compared) == ("test", 120, 150, "accuracy")
    assert set(result.metrics["version"]) == set(result.metrics["variant"]) >= {"loss", "accuracy", "macro_f1"}
    assert result.drop == pytest.approx(
        (result.metrics["version"]["accuracy"] or 0) - (result.metrics["variant"]["accuracy"] or 0)
    )
    assert result.metrics["version"]["accuracy"] == pytest.approx(1, abs=0.06)
    assert result.certified
    assert types_of(result) == []
    assert result.agreement is not None and 0.9 < result.agreement <= 1  # noqa: PT018
    assert result.speedup is not None and result.speedup > 0  # noqa: PT018
    assert result.bytes == (folder / ARTIFACTS["onnx"]).stat().st_size
    assert result.version_bytes == (version / ARTIFACTS["onnx"]).stat().st_size
    assert sorted(path.name for path in folder.iterdir()) == ["network.onnx", "preprocessing.json"]


def test_a_variant_predicts_like_its_version(tmp_path: Path, classes: Dataset) -> None:
    version = hidden_version(tmp_path, classes)
    made(tmp_path / "variant", version, classes)
    both = [Predictor.load(folder).predict(ROWS[:20].tolist()) for folder in (version, tmp_path / "variant")]
    scores = np.array([[one["scores"] for one in found.predictions] for found in both])
    assert np.abs(scores[0] - scores[1]).mean() < 0.02
    assert both[0].classes == both[1].classes


def test_the_same_version_and_dataset_give_the_same_bytes(tmp_path: Path, classes: Dataset) -> None:
    version = hidden_version(tmp_path, classes)
    for name in ("first", "second"):
        made(tmp_path / name, version, classes)
    first, second = ((tmp_path / name / ARTIFACTS["onnx"]).read_bytes() for name in ("first", "second"))
    assert first == second


def test_a_variant_that_predicts_too_much_worse_is_refused_with_the_figures(tmp_path: Path) -> None:
    """A few huge numbers leave the others no resolution."""
    rng = np.random.default_rng(5)
    inputs = rng.normal(size=(300, 4)).round(3)
    inputs[:20, 0] = 40_000
    dataset = make_dataset(
        tmp_path, "inline", inputs=inputs.tolist(), targets=names((inputs[:, :3] @ [3, 2, 1] > 0).astype(int)),
        split=SPLIT,
    )  # fmt: skip
    sign = 1 if dataset.descriptor.target.classes == ["a", "b"] else -1
    weights = {"dense/kernel": sign * np.array([[3.0], [2.0], [1.0], [0.0]]), "dense/bias": np.zeros(1)}
    layers: list[dict[str, Any]] = [
        {"type": "Rescaling", "scale": 1.0},
        {"type": "Dense", "units": 1, "activation": "sigmoid"},
    ]
    version = make_version(tmp_path / "version", dataset, "binary", "binary_crossentropy", layers, weights, 1)
    folder = tmp_path / "variant"
    with pytest.raises(AccuracyDrop) as caught:
        made(folder, version, dataset)
    figures = VariantResult.from_document(caught.value.to_dict()["members"]["figures"])
    assert figures.drop is not None and figures.drop > 0.05  # noqa: PT018
    assert not figures.certified
    assert figures.metrics["version"]["accuracy"] == 1
    assert "`max_accuracy_drop` is 0.05" in caught.value.detail
    assert not list(folder.iterdir())
    assert made(folder, version, dataset, most=1.0).certified


CONVOLUTIONAL: list[dict[str, Any]] = [
    {"type": "Conv2D", "filters": 8, "kernel_size": 3, "padding": "same", "name": "first"},
    {"type": "BatchNormalization", "name": "norm"},
    {"type": "LeakyReLU"},
    {"type": "Conv2D", "filters": 8, "kernel_size": 3, "padding": "same", "name": "second", "activation": "relu"},
    {"type": "MaxPooling2D"},
    {"type": "Flatten"},
    {"type": "Dense", "units": 3, "activation": "softmax", "name": "out"},
]
CONVOLUTIONAL_WEIGHTS = {
    **random_weights(
        first__kernel=(3, 3, 1, 8), first__bias=(8,), second__kernel=(3, 3, 8, 8), second__bias=(8,),
        out__kernel=(128, 3), out__bias=(3,), norm__gamma=(8,), norm__beta=(8,), norm__moving_mean=(8,),
    ),
    "norm/moving_variance": np.linspace(0.5, 2, 8),
}  # fmt: skip


@pytest.fixture
def images(tmp_path: Path) -> Dataset:
    rng = np.random.default_rng(4)
    rows = rng.integers(0, 255, (200, 8, 8, 1))
    return make_dataset(
        tmp_path, "inline", inputs=rows.tolist(), targets=names(rng.integers(0, 3, 200)),
        split=SPLIT,
    )  # fmt: skip


def test_a_convolutional_network_stays_in_8_bits_from_layer_to_layer(tmp_path: Path, images: Dataset) -> None:
    version = make_version(
        tmp_path / "version", images, "multiclass", "categorical_crossentropy", CONVOLUTIONAL, CONVOLUTIONAL_WEIGHTS, 3
    )
    result = made(tmp_path / "variant", version, images, most=1)
    assert {"Conv": 2, "Gemm": 1, "LeakyRelu": 1, "MaxPool": 1, "Relu": 1}.items() <= result.quantized.items()
    assert "BatchNormalization" not in result.unquantized, "it is folded into the kernel"
    assert result.agreement is not None and result.agreement > 0.9  # noqa: PT018


def test_a_sum_of_branches_is_quantized(tmp_path: Path, images: Dataset) -> None:
    layers: list[dict[str, Any]] = [
        {"type": "Conv2D", "filters": 8, "kernel_size": 3, "padding": "same", "name": "first", "inputs": ["input"]},
        {"type": "Conv2D", "filters": 8, "kernel_size": 3, "padding": "same", "name": "second", "inputs": ["first"]},
        {"type": "Add", "name": "sum", "inputs": ["first", "second"]},
        {"type": "Flatten", "name": "flat", "inputs": ["sum"]},
        {"type": "Dense", "units": 3, "activation": "softmax", "name": "out", "inputs": ["flat"]},
    ]
    weights = CONVOLUTIONAL_WEIGHTS | random_weights(out__kernel=(512, 3))
    version = make_version(tmp_path / "version", images, "multiclass", "categorical_crossentropy", layers, weights, 3)
    result = made(tmp_path / "variant", version, images, most=1)
    assert (result.quantized["Conv"], result.quantized["Add"]) == (2, 1)


def test_a_recurrent_layer_stays_in_float_and_the_result_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    dataset = make_dataset(
        tmp_path, "inline", inputs=rng.normal(size=(200, 5, 2)).round(2).tolist(),
        targets=names(rng.integers(0, 3, 200)), split=SPLIT,
    )  # fmt: skip
    layers: list[dict[str, Any]] = [{"type": "LSTM", "units": 4}, *HIDDEN]
    weights = random_weights(
        lstm__lstm_cell__kernel=(2, 16), lstm__lstm_cell__recurrent_kernel=(4, 16), lstm__lstm_cell__bias=(16,),
        dense__kernel=(4, 16), dense__bias=(16,), dense_1__kernel=(16, 3), dense_1__bias=(3,),
    )  # fmt: skip
    version = make_version(tmp_path / "version", dataset, "multiclass", "categorical_crossentropy", layers, weights, 3)
    result = made(tmp_path / "variant", version, dataset, most=1)
    assert (result.quantized["Gemm"], result.unquantized["LSTM"]) == (2, 1)
    assert types_of(result) == ["partly-quantized"]
    warning = result.warnings[0]
    assert "LSTM (1): ONNX Runtime quantizes no recurrent operation" in warning["detail"]


def test_embeddings_are_quantized(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    dataset = make_dataset(
        tmp_path, "inline", inputs=rng.integers(0, 50, (200, 6)).tolist(), targets=names(rng.integers(0, 3, 200)),
        split=SPLIT,
    )  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"type": "Embedding", "input_dim": 50, "output_dim": 8},
        {"type": "Flatten"},
        *HIDDEN,
    ]
    weights = random_weights(
        embedding__embeddings=(50, 8), dense__kernel=(48, 16), dense__bias=(16,), dense_1__kernel=(16, 3),
        dense_1__bias=(3,),
    )  # fmt: skip
    version = make_version(tmp_path / "version", dataset, "multiclass", "categorical_crossentropy", layers, weights, 3)
    result = made(tmp_path / "variant", version, dataset, most=1)
    assert (result.quantized["Gather"], result.quantized["Gemm"]) == (1, 2)
    assert result.agreement is not None and result.agreement > 0.9  # noqa: PT018


def test_networks_with_several_inputs_are_quantized(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    inputs = {"left": rng.normal(size=(200, 3)), "right": rng.normal(size=(200, 4))}
    dataset = make_dataset(
        tmp_path, "inline", inputs={name: rows.round(2).tolist() for name, rows in inputs.items()},
        targets=[[float(row)] for row in inputs["left"].sum(1)], split=SPLIT,
    )  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"type": "Concatenate", "name": "both", "inputs": ["left", "right"]},
        {"type": "Dense", "units": 8, "activation": "tanh", "name": "hidden", "inputs": ["both"]},
        {"type": "Dense", "units": 1, "name": "out", "inputs": ["hidden"]},
    ]
    weights = random_weights(hidden__kernel=(7, 8), hidden__bias=(8,), out__kernel=(8, 1), out__bias=(1,))
    version = make_version(tmp_path / "version", dataset, "regression", "mean_squared_error", layers, weights, 1)
    result = made(tmp_path / "variant", version, dataset, most=1)
    assert (result.quantized["Gemm"], result.compared) == (2, "r2")


def test_a_regression_is_compared_by_its_r2_and_keeps_its_resolution(tmp_path: Path) -> None:
    targets = ROWS @ np.arange(1, 7)
    dataset = make_dataset(tmp_path, "inline", inputs=ROWS.tolist(), targets=targets.tolist(), split=SPLIT)
    deviation = make_version(
        tmp_path / "version", dataset, "regression", "mean_squared_error", [{"type": "Dense", "units": 1}],
        {"dense/kernel": (np.arange(1, 7) * ROWS.std(0))[:, None], "dense/bias": np.zeros(1)}, 1,
    )  # fmt: skip
    result = made(tmp_path / "variant", deviation, dataset)
    assert (result.compared, result.certified) == ("r2", True)
    assert result.metrics["version"]["r2"] == pytest.approx(1, abs=0.01)
    assert result.agreement == pytest.approx(1, abs=0.01)
    found = Predictor.load(tmp_path / "variant").predict(ROWS.tolist()).predictions
    assert len({one["value"] for one in found}) > 256, "the outputs aren't rounded to 8 bits"


def test_a_variant_whose_outputs_are_not_finite_is_refused(tmp_path: Path) -> None:
    targets = ROWS[:, :2].tolist()
    dataset = make_dataset(tmp_path, "inline", inputs=ROWS.tolist(), targets=targets, split=SPLIT)
    weights = random_weights(dense__kernel=(6, 2), dense__bias=(2,))
    both = []
    for name, bias in (("version", 0), ("variant", np.nan)):
        bad = weights | {"dense/bias": np.array([0, bias])}
        layers = [{"type": "Dense", "units": 2}]
        folder = make_version(tmp_path / name, dataset, "regression", "mean_squared_error", layers, bad, 2)
        both.append(load_served(folder, Predictor.load(folder), dataset))
    found = compare(both[0], both[1], dataset, "test", tmp_path)
    assert found.drop("r2") is not None, "the column that isn't finite is left out"
    assert found.broken == 120
    result = VariantResult("int8", 1, 1, rows=120)
    assert find_problem(result, found.broken, 1) == (
        "For 120 of 120 test rows the variant's outputs aren't finite, and the version's are."
    )
    assert find_problem(result, 0, 1) is None


@pytest.mark.parametrize("name", ["torch_mlp", "torch_mlp_fixed", "mlp", "linear_double"])
def test_imported_networks_are_quantized_as_far_as_they_can_be(tmp_path: Path, name: str) -> None:
    version, target = tmp_path / "version", tmp_path / "int8.onnx"
    version.mkdir()
    import_version(FILES / f"{name}.onnx", ImportFields(), version, Limits())
    network = Predictor.load(version).network
    rng, shapes = np.random.default_rng(9), network.input_shapes
    rows = {key: rng.normal(size=(network.rows_at_once, *shape)).astype(np.float32) for key, shape in shapes.items()}
    if name == "linear_double":
        with pytest.raises(NotQuantizable, match="no operation that can be quantized"):
            quantize(version / ARTIFACTS["onnx"], iter([rows]), target)
        assert not target.exists()
        return
    chosen = quantize(version / ARTIFACTS["onnx"], iter([rows]), target)
    assert chosen.quantized["Gemm"] >= 2
    (tmp_path / "variant").mkdir()
    target.rename(tmp_path / "variant" / ARTIFACTS["onnx"])
    (version / ARTIFACTS["preprocessing"]).rename(tmp_path / "variant" / ARTIFACTS["preprocessing"])
    outputs = Predictor.load(tmp_path / "variant").network.run(rows)
    expected = network.run(rows)
    assert np.abs(outputs - expected).max() < 0.1 * np.abs(expected).max()


def test_a_network_without_anything_to_quantize_is_refused(tmp_path: Path) -> None:
    version = tmp_path / "version"
    version.mkdir()
    import_version(FILES / "forest.onnx", ImportFields(), version, Limits())
    with pytest.raises(NotQuantizable, match=r"It has TreeEnsembleClassifier \(1\)"):
        quantize(version / ARTIFACTS["onnx"], iter(()), tmp_path / "int8.onnx")


def test_what_can_not_be_told_is_not_certified(tmp_path: Path) -> None:
    targets = softmax_classes(ROWS, HIDDEN_WEIGHTS)
    dataset = make_dataset(
        tmp_path, "inline", inputs=ROWS.tolist(), targets=targets,
        split={"validation": 0.2, "test": 0},
    )  # fmt: skip
    version = hidden_version(tmp_path, dataset)
    result = made(tmp_path / "variant", version, dataset, most=0.1)
    assert (result.certified, result.split, result.rows) == (False, "validation", 60)
    assert types_of(result) == ["no-test-rows"]
    assert find_doubts("test", 60, "accuracy", 0.0, 0.02) == []
    assert [doubt["type"] for doubt in find_doubts("test", 60, "accuracy", 0.0, 0.016)] == ["too-few-rows"]
    assert find_doubts("test", 60, "accuracy", 0.0, 0.0) == [], "any wrong row is a drop"
    assert [doubt["type"] for doubt in find_doubts("test", 60, "r2", None, 0.5)] == ["not-comparable"]


def test_a_variant_that_is_larger_or_slower_says_so(tmp_path: Path, classes: Dataset) -> None:
    assert find_drawbacks(99, 100, 1.0) == []
    larger, slower = find_drawbacks(3069, 1414, 0.5)
    assert (larger["type"], slower["type"]) == (NOT_SMALLER, NOT_FASTER)
    assert larger["detail"].endswith("it has 3,069 bytes, and the version 1,414.")
    assert "32 rows took 2.00 times as long" in slower["detail"]
    result = made(tmp_path / "variant", hidden_version(tmp_path, classes), classes)
    assert NOT_SMALLER in [warning["type"] for warning in result.warnings], "few weights save less than the scales cost"
    assert result.certified


def test_calibration_rows_are_bounded_seeded_and_streamed(
    classes: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    split = classes.split("train")
    version = hidden_version(tmp_path, classes)
    preprocessing: Preprocessing = Predictor.load(version).preprocessing
    monkeypatch.setattr(calibration, "MOST_ROWS", 40)
    places = choose_rows(preprocessing, split)
    assert len(set(places)) == 40
    assert places.tolist() == sorted(choose_rows(preprocessing, split).tolist())
    taken: list[int] = []
    take = Split.take

    def counted(split: Split, chosen: np.ndarray) -> Split:
        taken.append(len(chosen))
        return take(split, chosen)

    monkeypatch.setattr(Split, "take", counted)
    batches: Iterator[dict[str, np.ndarray]] = calibration_batches(preprocessing, split, places, 16)
    first = next(batches)
    assert (len(first["input"]), taken) == (16, [16]), "the other rows aren't read yet"
    assert [len(batch["input"]) for batch in batches] == [16, 8]
    monkeypatch.setattr(calibration, "MOST_NUMBERS", 60)
    assert len(choose_rows(preprocessing, split)) == 10
