"""Flask in front of Keras, as tutorials have it: `model.predict`, or a `tf.function` traced once.

`create_app` answers `POST /NETWORK` for every `NETWORK.keras` in the folder that BENCHMARK_NETWORKS names. JSON is
read and written by orjson as in the floors, so that only the running differs.
"""

import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import orjson
import tensorflow as tf
from flask import Flask, Response, request

from benchmarks.serving_peers.answers import describe, read_pixels

NETWORKS = Path(os.environ["BENCHMARK_NETWORKS"])
Run = Callable[[np.ndarray], np.ndarray]


def run_predict(network: keras.Model) -> Run:
    return lambda rows: network.predict(rows, verbose=0)


def run_function(network: keras.Model) -> Run:
    signature = [tf.TensorSpec(network.inputs[0].shape, tf.float32)]
    function = tf.function(lambda rows: network(rows, training=False), input_signature=signature)
    return lambda rows: function(rows).numpy()


def create_app(how: str) -> Flask:
    """The app that runs networks with `predict` or with a `function`."""
    make = {"predict": run_predict, "function": run_function}[how]
    runs = {path.stem: make(keras.models.load_model(path)) for path in NETWORKS.glob("*.keras")}
    app = Flask(__name__)

    @app.post("/<name>")
    def predict_route(name: str) -> Response:
        pixels = read_pixels(orjson.loads(request.get_data())["instances"])
        answer = orjson.dumps({"predictions": describe(runs[name](pixels))})
        return Response(answer, mimetype="application/json")

    return app
