"""Repeated blocks of layers are folded."""

from typing import Any

from models.folding import Fold, fold_repeats


def layer(name: str, *inputs: str, type_: str = "Dense", units: int = 8) -> dict[str, Any]:
    return {
        "name": name, "type": type_, "detail": f"{units} units", "output_shape": [units], "trainable": True,
        "inputs": list(inputs),
    }  # fmt: skip


def test_equal_layers_in_a_row_are_one_block() -> None:
    layers = [layer(f"d{place}", f"d{place - 1}" if place else "input") for place in range(10)]
    kept, folds = fold_repeats([*layers, layer("out", "d9", units=1)])
    # the first one takes the input, which is at another distance
    assert [each["name"] for each in kept] == ["d0", "d1", "out"]
    assert folds == [Fold(["d1"], 9)]
    assert kept[-1]["inputs"] == ["d1"]


def test_residual_blocks_are_folded_with_what_they_skip() -> None:
    layers, before = [layer("stem", "input", type_="Conv2D")], "stem"
    for place in range(4):
        block = [layer(f"a{place}", before), layer(f"b{place}", f"a{place}", type_="ReLU")]
        layers += [*block, layer(f"add{place}", before, f"b{place}", type_="Add")]
        before = f"add{place}"
    kept, folds = fold_repeats([*layers, layer("out", before, units=1)])
    assert [each["name"] for each in kept] == ["stem", "a0", "b0", "add0", "out"]
    assert folds == [Fold(["a0", "b0", "add0"], 4)]
    assert kept[-1]["inputs"] == ["add0"]


def test_what_does_not_repeat_stays() -> None:
    layers = [layer("a", "input", units=8), layer("b", "a", units=4), layer("c", "b", units=2)]
    assert fold_repeats(layers) == (layers, [])


def test_a_layer_that_takes_an_inner_repetition_takes_the_block_that_remains() -> None:
    layers = [
        layer("input_copy", "input", units=1),
        *(layer(f"d{n}", f"d{n - 1}" if n else "input_copy") for n in range(4)),
    ]
    kept, folds = fold_repeats([*layers, layer("join", "d1", "d3", type_="Concatenate", units=16)])
    assert folds == [Fold(["d0"], 4)]
    assert kept[-1]["inputs"] == ["d0"]
