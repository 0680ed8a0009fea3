"""Makes the ONNX files of this folder with scikit-learn and PyTorch, and what these predict for some rows.

Run it in an environment with scikit-learn, skl2onnx, torch and onnxscript: `python tests/models/onnx_files/make.py`.
Each `NAME.onnx` has a `NAME.json` with `rows`, and what the library gives for them: `scores` or `values`, and `labels`.
"""

import json
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
ROWS = 6


def make_sklearn() -> None:
    from skl2onnx import to_onnx
    from sklearn.datasets import load_diabetes, load_iris
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    iris, diabetes = load_iris(), load_diabetes()
    x, y = iris.data.astype(np.float32), iris.target
    named = np.array(iris.target_names)[y]
    two = y < 2
    classifiers: dict[str, tuple[Any, np.ndarray, np.ndarray, dict[str, Any]]] = {
        "logistic_names": (LogisticRegression(max_iter=500), x, named, {}),
        "logistic_binary": (LogisticRegression(), x[two], y[two], {"zipmap": False}),
        "forest": (RandomForestClassifier(5, max_depth=3, random_state=0), x, named, {"zipmap": False}),
        "pipeline": (make_pipeline(StandardScaler(), LogisticRegression()), x, y + 7, {}),
        "mlp": (MLPClassifier((8,), max_iter=300, random_state=0), x, named, {}),
        "svc": (make_pipeline(StandardScaler(), SVC(probability=False)), x, y, {"zipmap": False}),
    }
    for name, (model, rows, targets, options) in classifiers.items():
        model.fit(rows, targets)
        found = to_onnx(model, rows[:1], options={id(model): options} if options else None, target_opset=17)
        chosen = rows[:: len(rows) // ROWS]
        scores = model.predict_proba(chosen).tolist() if name != "svc" else None
        _save(name, found.SerializeToString(), chosen, {"labels": model.predict(chosen).tolist(), "scores": scores})
    x, y = diabetes.data.astype(np.float32), diabetes.target
    for name, regressor in {
        "boosting": GradientBoostingRegressor(n_estimators=10, max_depth=2, random_state=0),
        "linear_double": LinearRegression(),
    }.items():
        rows = x.astype(np.float64) if name == "linear_double" else x
        regressor.fit(rows, y)
        found = to_onnx(regressor, rows[:1], target_opset=17)
        _save(name, found.SerializeToString(), rows[:ROWS], {"values": regressor.predict(rows[:ROWS]).tolist()})


def make_torch() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Lstm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.lstm, self.head = nn.Embedding(20, 4), nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.lstm(self.embedding(tokens))[0][:, -1])

    class TwoInputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(3, 2), nn.Linear(2, 2)

        def forward(self, left: Any, right: Any) -> tuple[Any, Any]:
            both = self.left(left) + self.right(right)
            return both, torch.tanh(both)

    cnn = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3), nn.Softmax(1))
    mlp = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    tokens = torch.randint(0, 20, (ROWS, 7))
    _export("torch_mlp", mlp, {"x": torch.randn(ROWS, 4)})
    _export("torch_mlp_fixed", mlp, {"x": torch.randn(ROWS, 4)}, dynamic=False)
    _export("torch_cnn", cnn, {"pictures": torch.rand(ROWS, 1, 8, 8)})
    _export("torch_lstm", Lstm(), {"tokens": tokens}, steps=True)
    _export("torch_two_inputs", TwoInputs(), {"left": torch.randn(ROWS, 3), "right": torch.randn(ROWS, 2)})
    _export("torch_mlp_dynamo", mlp, {"x": torch.randn(ROWS, 4)}, dynamo=True)


def _export(
    name: str, network: Any, inputs: dict[str, Any], *, dynamic: bool = True, steps: bool = False, dynamo: bool = False
) -> None:
    import torch

    network.eval()
    arguments = tuple(value if dynamic else value[:1] for value in inputs.values())
    path = FOLDER / f"{name}.onnx"
    axes = {key: {0: "batch", 1: "steps"} if steps else {0: "batch"} for key in inputs} if dynamic else None
    if dynamo:
        shapes = tuple({0: torch.export.Dim("batch")} for _ in inputs)
        program = torch.onnx.export(network, arguments, dynamo=True, dynamic_shapes=shapes, input_names=list(inputs))
        program.save(path)
    else:
        outputs = ["output", "other"] if len(inputs) > 1 else ["output"]
        names = None if axes is None else axes | {outputs[0]: {0: "batch"}}
        torch.onnx.export(
            network, arguments, path, dynamo=False, input_names=list(inputs), output_names=outputs,
            dynamic_axes=names, opset_version=17,
        )  # fmt: skip
    with torch.no_grad():
        found = network(*inputs.values())
    outputs = (found[0] if isinstance(found, tuple) else found).tolist()
    rows: Any = next(iter(inputs.values())).tolist()
    if len(inputs) > 1:
        rows = [dict(zip(inputs, row, strict=True)) for row in zip(*(v.tolist() for v in inputs.values()), strict=True)]
    _save(name, path.read_bytes(), rows, {"outputs": outputs})


def _save(name: str, file: bytes, rows: Any, expected: dict[str, Any]) -> None:
    (FOLDER / f"{name}.onnx").write_bytes(file)
    document = {"rows": np.asarray(rows).tolist() if isinstance(rows, np.ndarray) else rows} | expected
    (FOLDER / f"{name}.json").write_text(json.dumps(document) + "\n")


def main(*makers: Callable[[], None]) -> None:
    logging.disable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for maker in makers:
            maker()


if __name__ == "__main__":
    main(make_sklearn, make_torch)
