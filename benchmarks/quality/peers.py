"""What a practitioner would write instead: a tuned scikit-learn network, a linear model, and Keras by hand."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.quality.data import SPLIT

if TYPE_CHECKING:
    import pandas

GRID = {
    "network__hidden_layer_sizes": [(32,), (64,), (64, 32)],
    "network__alpha": [1e-3, 1.0],
    "network__learning_rate_init": [1e-3, 1e-2],
}
FOLDS = 5
MOST_EPOCHS, PATIENCE, UNITS = 500, 30, 64
"""Of every network: at most so many epochs, and so many without an improvement on the validation rows."""


def _prepared(frame: "pandas.DataFrame", columns: Sequence[str]) -> Any:
    """Numbers scaled, missing ones replaced with the median, texts one-hot encoded, dates as numbers."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    numbers = [name for name in columns if frame[name].dtype.kind in "iufb"]
    dates = [name for name in columns if frame[name].dtype.kind == "M"]
    texts = [name for name in columns if name not in numbers and name not in dates]
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (make_pipeline(FunctionTransformer(lambda part: part.astype("int64") / 1e18), StandardScaler()), dates),
        (OneHotEncoder(handle_unknown="ignore"), texts),
    )


def scikit_learn(frame: "pandas.DataFrame", target: str, task: str, seed: int) -> float:
    """R² or accuracy on the test rows of an MLP that a grid search tuned on all others, with its target scaled."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    columns = [name for name in frame if name not in (target, SPLIT)]
    kind, grid = MLPRegressor if task == "regression" else MLPClassifier, GRID
    network = kind(max_iter=MOST_EPOCHS, early_stopping=True, n_iter_no_change=PATIENCE, random_state=seed)
    model: Any = Pipeline([("prepared", _prepared(frame, columns)), ("network", network)])
    if task == "regression":
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
        grid = {f"regressor__{name}": values for name, values in GRID.items()}
    search = GridSearchCV(model, grid, cv=FOLDS, n_jobs=2)
    known, tested = frame[frame[SPLIT] != "test"], frame[frame[SPLIT] == "test"]
    search.fit(known[columns], known[target])
    return float(search.score(tested[columns], tested[target]))


def keras_by_hand(frame: "pandas.DataFrame", target: str, task: str, seed: int) -> float:
    """R² or accuracy on the test rows of the same network, with inputs and target scaled by hand."""
    columns = [name for name in frame if name not in (target, SPLIT)]
    parts = {name: frame[frame[SPLIT] == name] for name in ("train", "validation", "test")}
    prepared = _prepared(frame, columns).fit(parts["train"][columns])
    inputs = {name: _dense(prepared.transform(part[columns])) for name, part in parts.items()}
    if task == "regression":
        targets = {name: part[target].to_numpy("float64") for name, part in parts.items()}
        predicted = _predict_numbers(inputs, targets, seed)
        residuals = ((targets["test"] - predicted) ** 2).sum()
        return float(1 - residuals / ((targets["test"] - targets["test"].mean()) ** 2).sum())
    classes = sorted(set(frame[target]))
    indices = {name: np.array([classes.index(label) for label in part[target]]) for name, part in parts.items()}
    network = _fit(inputs, indices, len(classes), "sparse_categorical_crossentropy", seed)
    return float((network.predict(inputs["test"], verbose=0).argmax(axis=1) == indices["test"]).mean())


def _dense(values: Any) -> np.ndarray:
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, "float32")


def _predict_numbers(inputs: dict[str, np.ndarray], targets: dict[str, np.ndarray], seed: int) -> np.ndarray:
    mean, deviation = targets["train"].mean(), targets["train"].std()
    scaled = {name: (values - mean) / deviation for name, values in targets.items()}
    network = _fit(inputs, scaled, 1, "mean_squared_error", seed)
    return network.predict(inputs["test"], verbose=0)[:, 0] * deviation + mean


def _fit(inputs: dict[str, np.ndarray], targets: dict[str, np.ndarray], units: int, loss: str, seed: int) -> Any:
    import keras

    keras.utils.set_random_seed(seed)
    last = None if units == 1 else "softmax"
    layers = [keras.layers.Dense(UNITS, "relu"), keras.layers.Dense(units, last)]
    network = keras.Sequential([keras.Input(inputs["train"].shape[1:]), keras.layers.Flatten(), *layers])
    network.compile("adam", loss)
    stopping = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    validation = inputs["validation"], targets["validation"]
    network.fit(
        inputs["train"], targets["train"], epochs=MOST_EPOCHS, validation_data=validation, callbacks=[stopping],
        verbose=0,
    )  # fmt: skip
    return network


def linear_forecast(windows: dict[str, np.ndarray], targets: dict[str, np.ndarray]) -> float:
    """The mean absolute error on the test windows of a ridge regression on all numbers of a window."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    flat = {name: values.reshape(len(values), -1) for name, values in windows.items()}
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-4, 4, 17))).fit(flat["train"], targets["train"])
    return float(np.abs(model.predict(flat["test"]) - targets["test"]).mean())


def keras_forecast(windows: dict[str, np.ndarray], targets: dict[str, np.ndarray], seed: int) -> float:
    """The mean absolute error on the test windows of the same network, with inputs and target scaled by hand."""
    mean, deviation = windows["train"].mean(axis=(0, 1)), windows["train"].std(axis=(0, 1)) + 1e-9
    scaled = {name: ((values - mean) / deviation).astype("float32") for name, values in windows.items()}
    return float(np.abs(_predict_numbers(scaled, targets, seed) - targets["test"]).mean())
