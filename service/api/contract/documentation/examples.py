"""The examples of the OpenAPI document. Sent in the order of the operations, all of them succeed."""

from typing import Any

from service.api.http.media_types import CSV, FORM, JSON

FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
IDENTIFIER = "0660cff60faa21743c8f48cd"

PATH_EXAMPLES: dict[tuple[str, str], Any] = {
    (":regress", "name"): "line",
    ("/v1/activation-types", "activation"): "relu",
    ("/v1/projects", "name"): "vision",
    ("/v1/api-keys", "key_id"): IDENTIFIER,
    ("/v1/", "name"): "flowers",
    ("/v2/", "name"): "flowers",
    ("/v1/", "label"): "champion",
    ("/v1/", "version"): 1,
    ("/v2/", "version"): 1,
    ("/v1/", "format"): "onnx",
    ("/v1/training-jobs", "job_id"): f"tj_{IDENTIFIER}",
    ("/v1/training-jobs", "epoch"): "latest",
    ("/v1/batch-predictions", "batch_prediction_id"): f"bp_{IDENTIFIER}",
    ("/v1/evaluations", "evaluation_id"): f"ev_{IDENTIFIER}",
    ("/v1/variant-jobs", "variant_job_id"): f"va_{IDENTIFIER}",
    ("/v1/workers", "worker_id"): f"wk_{IDENTIFIER}",
    ("/v1/", "variant"): "int8",
}
"""By the start or end of a path and the parameter's name; the first match applies."""

Examples = dict[str, dict[str, Any]]


def _each(operations: tuple[str, ...], examples: dict[str, Examples]) -> dict[str, dict[str, Examples]]:
    return dict.fromkeys(operations, examples)


def _example(summary: str, value: Any) -> dict[str, Any]:
    return {"summary": summary, "value": value}


DATASETS: Examples = {
    "flowers": _example("A built-in table", {"name": "flowers", "source": "iris"}),
    "rings": _example(
        "Generated rows",
        {
            "name": "rings",
            "source": "circles",
            "parameters": {"samples": 200, "noise": 0.05, "factor": 0.5, "seed": 7},
            "split": {"validation": 0.2, "test": 0.2, "seed": 7},
        },
    ),
    "line": _example(
        "Numbers in the request",
        {
            "name": "line",
            "source": "inline",
            "inputs": [[-1], [0], [1], [2], [3], [4]],
            "targets": [[-3], [-1], [1], [3], [5], [7]],
        },
    ),
    "fruit": _example(
        "A table in the request",
        {
            "name": "fruit",
            "source": "inline",
            "rows": [
                {"width": 7.1, "colour": "red", "kind": "apple"},
                {"width": 7.4, "colour": "green", "kind": "apple"},
                {"width": 3.2, "colour": "yellow", "kind": "banana"},
                {"width": 3.5, "colour": "green", "kind": "banana"},
            ],
            "target": "kind",
        },
    ),
}
UPLOADS: Examples = {
    "berries": _example(
        "A table as CSV",
        {
            "name": "berries",
            "target": "kind",
            "types": {"weight": "number"},
            "split": {"validation": 0.25, "test": 0.25, "seed": 7},
            "file": "weight,colour,kind\n"
            "1.2,blue,blueberry\n1.4,blue,blueberry\n1.1,blue,blueberry\n1.3,black,blueberry\n"
            "4.2,red,raspberry\n4.8,red,raspberry\n4.5,red,raspberry\n4.6,black,raspberry\n",
        },
    ),
}
MODELS: Examples = {
    "flowers": _example(
        "A multiclass model with the columns of a dataset",
        {
            "name": "flowers",
            "task": "multiclass",
            "description": "Predicts one of three iris species from four lengths.",
            "input": {"dataset": "flowers"},
            "layers": [
                {"type": "Dense", "units": 16, "activation": "relu"},
                {"type": "Dense", "units": 3, "activation": "softmax"},
            ],
            "optimizer": {"type": "Adam", "learning_rate": 0.01},
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
        },
    ),
    "rings": _example(
        "A binary model as a graph of layers",
        {
            "name": "rings",
            "task": "binary",
            "input": {"shape": [2], "scaling": "standard"},
            "layers": [
                {"type": "Dense", "name": "wide", "inputs": ["input"], "units": 8, "activation": "relu"},
                {"type": "Concatenate", "name": "both", "inputs": ["input", "wide"]},
                {"type": "Dense", "name": "answer", "inputs": ["both"], "units": 1, "activation": "sigmoid"},
            ],
            "optimizer": "adam",
            "loss": "binary_crossentropy",
            "metrics": ["accuracy"],
        },
    ),
    "line": _example(
        "A regression with a single layer",
        {
            "name": "line",
            "task": "regression",
            "input": {"shape": [1]},
            "layers": [{"type": "Dense", "units": 1}],
            "optimizer": "sgd",
            "loss": "mean_squared_error",
        },
    ),
}
TRAININGS: Examples = {
    "flowers": _example(
        "A training that labels its version",
        {"model": "flowers", "dataset": "flowers", "epochs": 20, "batch_size": 16, "seed": 7, "label": "champion"},
    ),
    "line": _example(
        "A training of a regression model",
        {"model": "line", "dataset": "line", "epochs": 50, "seed": 7, "label": "champion"},
    ),
    "rings": _example(
        "A training with early stopping",
        {
            "model": "rings",
            "dataset": "rings",
            "epochs": 200,
            "seed": 7,
            "early_stopping": {"monitor": "val_loss", "patience": 3, "restore_best": True},
        },
    ),
    "long": _example(
        "A long training to pause, change and cancel",
        {"model": "line", "dataset": "line", "epochs": 1_000_000, "checkpoint_seconds": 30, "priority": 1},
    ),
}
ORDERS: Examples = {
    "pause": _example("Pause", {"desired_status": "paused"}),
    "slow": _example("Lower the learning rate from the next epoch on", {"learning_rate": 0.001}),
    "resume": _example("Resume", {"desired_status": "running"}),
    "shorten": _example("Train for fewer epochs", {"epochs": 900_000}),
    "cancel": _example("Cancel", {"desired_status": "cancelled"}),
}
CANCELLATIONS: Examples = {"cancel": _example("Cancel", {"desired_status": "cancelled"})}
INSTANCES: Examples = {
    "objects": _example("Rows of a table as objects", {"instances": [FLOWER]}),
    "lists": _example("Rows of a table as lists", {"instances": [[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]]}),
    "gaps": _example("Warnings: a missing value and a value out of range", {"instances": [[5.1, None, 1.4, 20]]}),
}
ROWS_AS_CSV: Examples = {
    "csv": _example(
        "Rows of a table as CSV, with a header",
        "sepal_length,sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n",
    )
}
PREDICTIONS = {JSON: INSTANCES, CSV: ROWS_AS_CSV}
TENSORS: Examples = {
    "rows": _example("Rows", {"instances": [{name: [value] for name, value in FLOWER.items()}]}),
    "columns": _example("Columns", {"inputs": {name: [[value], [value]] for name, value in FLOWER.items()}}),
}
FEATURES: Examples = {"features": _example("Features by name", {"examples": [FLOWER]})}
NUMBERS: Examples = {"numbers": _example("The only input", {"examples": [{"input": [5]}, {"input": [6]}]})}
INFERENCES: Examples = {
    "table": _example(
        "A tensor for each column of a table",
        {
            "id": "42",
            "inputs": [
                {"name": name, "shape": [1, 1], "datatype": "FP32", "data": [value]} for name, value in FLOWER.items()
            ],
        },
    )
}

NOTES: Examples = {"note": _example("Set one key and remove another", {"metadata": {"team": "vision", "draft": None}})}

EXAMPLES: dict[str, dict[str, Examples]] = {
    "create_dataset": {JSON: DATASETS, FORM: UPLOADS},
    "change_dataset": {JSON: NOTES},
    "add_dataset_version": {
        JSON: {"row": _example("A row to append to a table", {"append": [FLOWER | {"species": "setosa"}]})}
    },
    "create_model": {JSON: MODELS},
    "change_model": {
        JSON: {
            "describe": _example(
                "Change the description", {"description": "Predicts iris species from four lengths in cm."}
            )
        }
    },
    "create_training_job": {JSON: TRAININGS},
    "change_training_job": {JSON: ORDERS},
    "put_label": {JSON: {"version": _example("Point it to version 1", {"version": 1})}},
    "create_variant": {
        JSON: {"int8": _example("A network in 8 bits", {"type": "int8", "max_accuracy_drop": 0.1})},
    },
    "change_variant_job": {JSON: CANCELLATIONS},
    "create_evaluation": {
        JSON: {
            "flowers": _example("The latest version on the test rows", {"model": "flowers", "dataset": "flowers"}),
            "champion": _example(
                "A labelled version on the training rows",
                {"model": "flowers", "label": "champion", "dataset": "flowers", "split": "train"},
            ),
        }
    },
    "change_evaluation": {JSON: CANCELLATIONS},
    "predict": PREDICTIONS,
    "predict_with_version": PREDICTIONS,
    "predict_with_label": PREDICTIONS,
    "predict_with_snapshot": PREDICTIONS,
    "create_version": {
        JSON: {
            "best": _example(
                "A version of the best epoch of a training",
                {"training_job": f"tj_{IDENTIFIER}", "epoch": "best", "label": "champion"},
            )
        }
    },
    "create_batch_prediction": {
        JSON: {
            "flowers": _example(
                "The test rows of a dataset", {"model": "flowers", "dataset": "flowers", "split": "test"}
            )
        },
        FORM: {
            "file": _example("The rows of a file", {"model": "flowers", "file": ROWS_AS_CSV["csv"]["value"]}),
        },
    },
    "change_batch_prediction": {JSON: CANCELLATIONS},
    "create_api_key": {
        JSON: {
            "train": _example("A key that trains and predicts in a project", {"name": "ci", "scopes": ["train"]}),
            "admin": _example("A key for administration", {"name": "operator", "scopes": ["admin"]}),
        }
    },
    "create_project": {
        JSON: {"quotas": _example("A project with quotas", {"name": "vision", "quotas": {"running_jobs": 2}})}
    },
    "change_project": {JSON: {"quotas": _example("Change one quota", {"quotas": {"queued_jobs": 100}})}},
    "change_worker": {
        JSON: {
            "drain": _example("Finish the jobs and claim no more", {"desired_status": "draining"}),
            "resume": _example("Claim jobs again", {"desired_status": "running"}),
        }
    },
    **_each(("serving_predict", "serving_predict_version", "serving_predict_label"), {JSON: TENSORS}),
    **_each(("serving_classify", "serving_classify_version", "serving_classify_label"), {JSON: FEATURES}),
    **_each(("serving_regress", "serving_regress_version", "serving_regress_label"), {JSON: NUMBERS}),
    "list_repository": {JSON: {"ready": _example("Only versions that are ready", {"ready": True})}},
    **_each(("infer", "infer_version"), {JSON: INFERENCES}),
}
"""By operation and media type. Each has a summary and a value."""
