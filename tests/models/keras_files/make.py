"""Makes the networks that tests/models/test_keras_files.py reads: thirteen architectures as `.keras` and `.h5`. Twelve
are imported; the one with two outputs is refused.

Run it once with each version of Keras, each in an environment of its own:

    pip install tensorflow-cpu==2.15.1 && python make.py           # Keras 2.15
    pip install keras==3.0.5 jax && KERAS_BACKEND=jax python make.py

It writes `keras-VERSION.zip` beside this file: for each architecture both files, and `NAME.npz` with rows for each
input and what Keras predicts for them. With names of architectures, it adds only their files to the ZIP:

    python make.py encoder_decoder
"""

import io
import sys
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

ROWS = 4
GENERATOR = np.random.default_rng(1)


def dense() -> keras.Model:
    network = keras.Sequential(
        [
            layers.Input((5,), name="measurements"),
            layers.Dense(6, activation="relu", kernel_regularizer=keras.regularizers.l2(0.01), name="first"),
            layers.Dropout(0.2),
            layers.Dense(4, activation=keras.activations.tanh, kernel_initializer="he_normal"),
            layers.LeakyReLU(),
            layers.Dense(3, activation="softmax", name="classes"),
        ]
    )
    network.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


def two_inputs() -> keras.Model:
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    both = layers.Concatenate()([layers.Dense(4, activation="gelu")(left), right])
    both = layers.Multiply()([both, layers.Dense(6, activation="sigmoid", use_bias=False)(both)])
    network = keras.Model([left, right], layers.Dense(1, activation="sigmoid")(both))
    network.compile(keras.optimizers.RMSprop(), keras.losses.BinaryCrossentropy(), metrics=[keras.metrics.AUC()])
    return network


def convolution() -> keras.Model:
    network = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(6.0),
            layers.ZeroPadding2D(((0, 1), (0, 1))),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    network.compile(keras.optimizers.SGD(0.1, momentum=0.9), "categorical_crossentropy", metrics=["accuracy"])
    return network


def separable() -> keras.Model:
    network = keras.Sequential(
        [
            layers.Input((6, 6, 2)),
            layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu"),
            layers.SeparableConv2D(3, 2, padding="same", activation="swish"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="sigmoid"),
        ]
    )
    network.compile("adam", "binary_crossentropy", metrics=["binary_accuracy"])
    return network


def lstm() -> keras.Model:
    network = keras.Sequential(
        [
            layers.Input((5, 2)),
            layers.LSTM(3, return_sequences=True, dropout=0.1),
            layers.LSTM(4, unit_forget_bias=False, go_backwards=True),
            layers.Dense(1),
        ]
    )
    network.compile("adam", "mse", metrics=["mae"])
    return network


def gru() -> keras.Model:
    network = keras.Sequential(
        [
            layers.Input((5, 2)),
            layers.GRU(3, return_sequences=True),
            layers.SimpleRNN(3, return_sequences=True),
            layers.GRU(3, reset_after=False),
            layers.Dense(1, activation="linear"),
        ]
    )
    network.compile("nadam", keras.losses.Huber())
    return network


def bidirectional() -> keras.Model:
    network = keras.Sequential(
        [
            layers.Input((5, 2)),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(3, activation="relu")),
            layers.Bidirectional(layers.GRU(2), merge_mode="sum"),
            layers.Dense(2, activation="softmax"),
        ]
    )
    network.compile("adam", "sparse_categorical_crossentropy")
    return network


def embedding() -> keras.Model:
    network = keras.Sequential(
        [
            layers.Input((7,), name="tokens"),
            layers.Embedding(20, 4),
            layers.Conv1D(3, 3, padding="causal", dilation_rate=2, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    network.compile("adam", keras.losses.BinaryCrossentropy(from_logits=False), metrics=["accuracy"])
    return network


def residual() -> keras.Model:
    inputs = keras.Input((6,), name="features")
    scaled = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    inner = keras.Input((6,))
    block = keras.Model(
        inner, layers.Dense(6, name="inner_dense")(layers.Dense(3, activation="elu")(inner)), name="block"
    )
    tail = keras.Sequential(
        [layers.Input((6,)), layers.Dense(6, activation="softplus"), layers.LayerNormalization()], name="tail"
    )
    x = block(scaled) + scaled
    x = layers.Add()([x, tail(x)])
    x = x * 2.0 - 1.0
    outputs = layers.Dense(3)(x)
    network = keras.Model(inputs, outputs, name="residual")
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return network


def attention() -> keras.Model:
    inputs = keras.Input((5, 4))
    x = layers.MultiHeadAttention(2, 3, name="mha")(inputs, inputs)
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, inputs]))
    x = layers.Attention(use_scale=True)([x, inputs])
    x = layers.GlobalAveragePooling1D()(x)
    network = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    network.compile("adam", "categorical_crossentropy")
    return network


def normalization() -> keras.Model:
    adapted = layers.Normalization()
    adapted.adapt(np.array([[1, 10, 3], [2, 30, 5], [4, 20, 9]], np.float32))
    given = layers.Normalization(mean=[1.0, 2, 3], variance=[2.0, 3, 4])
    network = keras.Sequential([layers.Input((3,)), adapted, layers.Dense(3), given, layers.Dense(1)])
    network.compile("adam", "mae")
    return network


def encoder_decoder() -> keras.Model:
    inputs = keras.Input((8, 8, 2), name="picture")
    fine = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(3, 3, padding="same")(inputs))
    coarse = layers.Conv2D(4, (3, 1), activation="selu")(layers.AveragePooling2D(2, padding="same")(fine))
    up = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu")(coarse)
    up = layers.Concatenate(axis=-1)([up, layers.Cropping2D(((2, 2), (0, 0)))(fine)])
    up = layers.UpSampling2D((2, 1), interpolation="nearest")(layers.SpatialDropout2D(0.1)(up))
    x = layers.Reshape((8, 48))(layers.Permute((2, 1, 3))(up))
    x = layers.Conv1D(2, 3, strides=2, activation="tanh", bias_initializer="ones")(x)
    network = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))
    network.compile(keras.optimizers.AdamW(0.01), keras.losses.CategoricalCrossentropy(label_smoothing=0.1))
    return network


def two_outputs() -> keras.Model:
    inputs = keras.Input((3,))
    x = layers.Dense(4)(inputs)
    network = keras.Model(inputs, [layers.Dense(1, name="one")(x), layers.Dense(2, name="two")(x)])
    network.compile("adam", "mse")
    return network


ARCHITECTURES = (
    dense, two_inputs, convolution, separable, lstm, gru, bidirectional, embedding, residual, attention, normalization,
    encoder_decoder, two_outputs,
)  # fmt: skip


def rows_for(network: keras.Model) -> dict[str, np.ndarray]:
    """Random rows by the names of the network's inputs."""
    rows = {}
    for tensor in network.inputs:
        shape = (ROWS, *tensor.shape[1:])
        values = GENERATOR.integers(0, 20, shape) if "tokens" in tensor.name else GENERATOR.standard_normal(shape)
        rows[tensor.name.split(":")[0]] = values.astype("float32")
    return rows


def train(network: keras.Model, rows: dict[str, np.ndarray]) -> None:
    """One step, so that no weight is at its initial value and the optimizer has a state."""
    targets = [np.ones((ROWS, *output.shape[1:]), "float32") for output in network.outputs]
    loss = network.loss if isinstance(network.loss, str) else network.loss.name
    if "sparse" in loss:
        targets = [np.zeros((ROWS, 1), "float32")]
    if len(targets) == 1:
        network.train_on_batch(list(rows.values()) if len(rows) > 1 else next(iter(rows.values())), targets[0])


def main(names: list[str]) -> None:
    major, minor = keras.__version__.split(".")[:2]
    target = Path(__file__).parent / f"keras-{major}.{minor}.zip"
    chosen = [architecture for architecture in ARCHITECTURES if not names or architecture.__name__ in names]
    with zipfile.ZipFile(target, "a" if names else "w", zipfile.ZIP_LZMA) as archive:
        for architecture in chosen:
            add(architecture.__name__, architecture(), archive)


def add(name: str, network: keras.Model, archive: zipfile.ZipFile) -> None:
    """Add both files of a network, and what it predicts."""
    rows = rows_for(network)
    train(network, rows)
    expected = network.predict(list(rows.values()) if len(rows) > 1 else next(iter(rows.values())), verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("keras", "h5"):
            path = Path(folder, f"{name}.{ending}")
            try:
                network.save(path)
            except ValueError as problem:  # Keras 3.0 can't save some networks as HDF5
                print(f"{path.name}: {problem}")
            else:
                archive.write(path, path.name)
    if len(network.outputs) == 1:
        arrays = io.BytesIO()
        named = {"output": expected} | {f"input_{key}": value for key, value in rows.items()}
        np.savez(arrays, **named)
        archive.writestr(f"{name}.npz", arrays.getvalue())


if __name__ == "__main__":
    main(sys.argv[1:])
