"""Turns the raw outputs of a classification network into scores, and scores into predicted classes.

All predictions, batch predictions and evaluations use these rules. NumPy only.
"""

from enum import StrEnum

import numpy as np

from models.catalogue import load_catalogue
from models.spec import THRESHOLD, NetworkSpec, Task
from models.validation.outputs import ends_in_probabilities

SMALLEST_SCORE = 1e-7
"""The score whose logit stands for a score of 0; Keras's losses of probabilities use the same."""
MARGIN_LOSSES = ("Hinge", "SquaredHinge")


class Activation(StrEnum):
    """What turns the network's raw outputs into scores if they aren't scores already."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    MARGIN = "margin"
    """From the range -1 to 1 of hinge losses to 0 to 1."""


def find_activation(spec: NetworkSpec) -> Activation | None:
    """The activation to apply to the outputs of a network with this spec; None if they are scores.

    With `from_logits` the network lacks the softmax or sigmoid; hinge losses train outputs from -1 to 1, unless the
    network ends in probabilities.
    """
    loss = load_catalogue().find("loss", spec.loss.type)
    if spec.task is Task.REGRESSION or loss is None:
        return None
    if spec.loss.parameters.get("from_logits"):
        return Activation.SOFTMAX if "Categorical" in loss.type else Activation.SIGMOID
    is_margin = loss.type in MARGIN_LOSSES and not ends_in_probabilities(spec.layers, spec.inputs, spec.task)
    return Activation.MARGIN if is_margin else None


def score(outputs: np.ndarray, task: Task, activation: Activation | None) -> np.ndarray:
    """The score of each class (rows, classes), from the raw outputs of a classification network."""
    if activation is Activation.SOFTMAX:
        return _softmax(outputs)
    if activation is Activation.SIGMOID:
        outputs = _sigmoid(outputs)
    elif activation is Activation.MARGIN:
        outputs = np.clip((1 + outputs) / 2, 0, 1)
    if task is Task.BINARY and outputs.shape[-1] == 1:
        return np.concatenate([1 - outputs, outputs], axis=1)
    return outputs


def as_outputs(scores: np.ndarray, activation: Activation | None) -> np.ndarray:
    """The raw outputs of a network from which `score` computes these scores, except that logits are finite."""
    if activation is None:
        return scores
    if activation is Activation.MARGIN:
        return 2 * scores - 1
    logits = np.log(np.maximum(scores, SMALLEST_SCORE))
    return logits if activation is Activation.SOFTMAX else logits - np.log(np.maximum(1 - scores, SMALLEST_SCORE))


def predicted_classes(scores: np.ndarray, task: Task, threshold: float = THRESHOLD) -> np.ndarray:
    """The index of the predicted class (rows,), for each row of scores (rows, classes).

    In a binary task it is the positive class, which is the second, from the `threshold` on. At THRESHOLD it is the
    class with the higher score, and of equal scores the positive one: the same for scores that add up to 1. In other
    tasks it is the class with the highest score, and of equal scores the first. NaN counts as the highest score, and
    as one that reaches the threshold.
    """
    if task is Task.BINARY:
        lowest = scores[:, 0] if threshold == THRESHOLD else np.float64(threshold)
        return np.where(scores[:, 1] < lowest, 0, 1)
    return scores.argmax(axis=1)


def ranked_classes(scores: np.ndarray, task: Task) -> np.ndarray:
    """The indices of all classes of each row (rows, classes), by score, best first; ties as in `predicted_classes`."""
    if task is Task.BINARY:
        return 1 - np.argsort(-scores[:, ::-1], axis=1, kind="stable")
    return np.argsort(-scores, axis=1, kind="stable")


def predicted_labels(scores: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """Whether each label of a multilabel task is predicted (rows, classes): its score is at least the threshold."""
    # a Python float would be rounded to float32, and then differ from the scores that clients see
    return scores >= np.float64(threshold)


@np.errstate(invalid="ignore")
def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@np.errstate(invalid="ignore")
def _sigmoid(logits: np.ndarray) -> np.ndarray:
    # e^-|x| can't overflow; for x < 0 it is the numerator of the same function
    power = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, power) / (1 + power)
