"""What `models` uses of its libraries that they don't document, as docs/dependencies.md lists it.

When an upgrade breaks something in building or predicting, look here first: a test that fails names the part.
"""

import inspect
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras.src import activations, constraints, initializers, losses, metrics, optimizers, regularizers
from keras.src.backend.common.global_state import get_global_attribute, set_global_attribute
from keras.src.utils.naming import to_snake_case
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument
from tensorflow.core.protobuf import saved_model_pb2

from models.runtime import LOOKUP, OPSETS, PREFIX, SOURCE


def make_network() -> keras.Model:
    inputs = keras.Input((4,), name="inputs")
    inner_inputs = keras.Input((3,))
    block = keras.Model(inner_inputs, keras.layers.Dense(2, name="inner")(inner_inputs), name="block")
    outputs = block(keras.layers.Dense(3, name="outer")(inputs))
    network = keras.Model(inputs, outputs)
    network.compile(optimizer="adam", loss="mse", metrics=["mae"])
    return network


def test_layer_flatten_layers_gives_a_layer_and_all_within_it() -> None:
    bidirectional = keras.layers.Bidirectional(keras.layers.LSTM(2))
    bidirectional(keras.Input((5, 3)))
    within = bidirectional._flatten_layers(include_self=False)
    assert {type(layer).__name__ for layer in within} >= {"LSTM", "LSTMCell"}
    assert bidirectional in bidirectional._flatten_layers()
    assert "inner" in [layer.name for layer in make_network()._flatten_layers()]


def test_layer_inbound_nodes_and_the_history_of_a_tensor_name_the_layer_before() -> None:
    block = make_network().get_layer("block")
    (tensor,) = block._inbound_nodes[-1].input_tensors
    assert tensor._keras_history.operation.name == "outer"


def test_layer_clear_losses_forgets_what_was_added_to_the_loss() -> None:
    layer = keras.layers.ActivityRegularization(l2=1.0)
    layer(np.ones((1, 2), np.float32))
    assert layer.losses
    layer._clear_losses()
    assert layer.losses == []


def test_weights_that_wait_for_a_stateless_scope_s_end_are_a_global_attribute() -> None:
    waiting = list(get_global_attribute("uninitialized_variables", []))
    with keras.StatelessScope(initialize_variables=False):
        keras.layers.Dense(2)(keras.Input((3,)))
    assert len(get_global_attribute("uninitialized_variables")) == len(waiting) + 2
    set_global_attribute("uninitialized_variables", waiting)
    assert get_global_attribute("uninitialized_variables") == waiting


def test_model_symbolic_build_makes_the_variables_of_metrics_and_optimizer() -> None:
    network = make_network()
    assert list(inspect.signature(network._symbolic_build).parameters) == ["iterator", "data_batch"]
    network._symbolic_build(data_batch=(np.zeros((2, 4), np.float32), np.zeros((2, 2), np.float32)))
    assert network.optimizer.built
    assert "mae" in network.get_metrics_result()


def test_adam_keeps_its_moments_in_lists_by_the_index_of_a_variable() -> None:
    network = make_network()
    optimizer = network.optimizer
    optimizer.build(network.trainable_variables)
    indices = [optimizer._get_variable_index(variable) for variable in network.trainable_variables]
    for moments in (optimizer._momentums, optimizer._velocities):
        assert [moments[index].shape for index in indices] == [each.shape for each in network.trainable_variables]


@pytest.mark.parametrize(
    ("make", "name", "parameters"),
    [
        (lambda: keras.optimizers.Adam(), "update_step", ["gradient", "variable", "learning_rate"]),
        (lambda: keras.layers.BatchNormalization(), "call", ["inputs", "training", "mask"]),
        (lambda: keras.layers.LSTM(2), "inner_loop", ["sequences", "initial_state", "mask", "training"]),
        (lambda: keras.optimizers.Adam(), "scale_loss", ["loss"]),
        (lambda: keras.optimizers.Adam(), "apply_gradients", ["grads_and_vars"]),
    ],
    ids=[
        "Adam.update_step",
        "BatchNormalization.call",
        "LSTM.inner_loop",
        "Optimizer.scale_loss",
        "Optimizer.apply_gradients",
    ],
)
def test_methods_that_training_replaces_take_these_arguments_and_come_back(make, name, parameters) -> None:  # type: ignore[no-untyped-def]
    owner = make()
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters
    setattr(owner, name, "replaced")
    delattr(owner, name)
    assert callable(getattr(owner, name))


def test_keras_calls_what_is_replaced_on_an_instance() -> None:
    class Called(Exception):
        """Raised by the replacement."""

    def replacement(*arguments: object, **named: object) -> None:
        raise Called

    for layer, name in ((keras.layers.BatchNormalization(), "call"), (keras.layers.LSTM(2), "inner_loop")):
        rows = np.zeros((2, 3, 4), np.float32)
        layer(rows)
        setattr(layer, name, replacement)
        with pytest.raises(Called):
            layer(rows)
    for name in ("update_step", "scale_loss", "apply_gradients"):
        network = make_network()
        setattr(network.optimizer, name, replacement)
        with pytest.raises(Called):
            network.train_on_batch(np.zeros((2, 4), np.float32), np.zeros((2, 2), np.float32))


def test_the_state_of_a_random_layer_is_a_variable_of_the_network_with_a_seed_and_a_counter() -> None:
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5, seed=7)])
    (state,) = (variable for variable in network.variables if variable.name == "seed_generator_state")
    assert state.numpy().tolist() == [7, 0]


def test_the_policy_of_a_layer_can_be_set_after_its_weights_were_made() -> None:
    layer = keras.layers.Dense(2)
    layer.build((1, 3))
    layer.dtype_policy = "mixed_bfloat16"
    assert (layer.compute_dtype, layer.kernel.dtype) == ("bfloat16", "float32")


def test_spectral_normalization_asks_its_own_call_whether_it_trains() -> None:
    parameters = inspect.signature(keras.layers.SpectralNormalization.call).parameters
    assert list(parameters) == ["self", "inputs", "training"]


@pytest.mark.parametrize(
    "module", [activations, constraints, initializers, losses, metrics, optimizers, regularizers],
    ids=lambda module: module.__name__.rpartition(".")[2],
)  # fmt: skip
def test_the_registries_of_keras_map_names_to_components(module: object) -> None:
    registry = module.ALL_OBJECTS_DICT  # type: ignore[attr-defined]
    assert all(isinstance(name, str) and callable(component) for name, component in registry.items())
    assert len(registry) > 3


def test_keras_names_in_snake_case() -> None:
    assert to_snake_case("MeanSquaredError") == "mean_squared_error"


def test_inner_layers_are_held_by_the_attributes_that_keras_files_name() -> None:
    lstm, attention = keras.layers.LSTM(2), keras.layers.MultiHeadAttention(1, 2)
    both, steps = keras.layers.Bidirectional(lstm), keras.layers.TimeDistributed(keras.layers.Dense(2))
    stacked = keras.layers.RNN([keras.layers.LSTMCell(2)])
    held = {name for layer in (lstm, both, steps, stacked) for name in vars(layer)}
    assert {"cell", "forward_layer", "backward_layer", "layer"} <= held
    assert isinstance(vars(stacked.cell)["cells"], list)
    inputs = keras.Input((3, 2))
    attention(inputs, inputs)
    assert {"_query_dense", "_key_dense", "_value_dense", "_output_dense"} <= set(vars(attention))


def make_lookup(path: Path) -> onnxruntime.InferenceSession:
    """A network that takes rows of a table of three by their numbers."""
    table = onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32), "table")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gather", ["table", "numbers"], ["output"], name="network/lookup")],
        "lookup",
        [onnx.helper.make_tensor_value_info("numbers", onnx.TensorProto.INT64, ["rows"])],
        [onnx.helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, ["rows", 3])],
        [table],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def test_onnx_runtime_names_the_node_whose_lookup_fails_after_a_prefix(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument) as caught:
        make_lookup(tmp_path / "lookup.onnx").run(None, {"numbers": np.array([3])})
    assert LOOKUP.search(str(caught.value))
    assert PREFIX.match(str(caught.value))


def test_onnx_runtime_names_the_latest_opset_after_the_place_in_its_source(tmp_path: Path) -> None:
    make_lookup(tmp_path / "lookup.onnx")
    model = onnx.load(tmp_path / "lookup.onnx")
    model.opset_import[0].version = 1000
    with pytest.raises(Exception, match="opset") as caught:
        onnxruntime.InferenceSession(model.SerializeToString())
    assert OPSETS.search(str(caught.value))
    assert SOURCE.search(str(caught.value))


def test_tensorflow_has_the_protocol_buffer_of_a_saved_model() -> None:
    saved = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    assert saved_model_pb2.SavedModel.FromString(saved.SerializeToString(deterministic=True)) == saved
