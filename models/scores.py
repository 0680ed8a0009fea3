"""What a classifying network's raw outputs mean: the scores that are made of them, and the classes that scores predict.

The rule for every prediction, batch prediction and evaluation is here. NumPy alone.
"""

from enum import StrEnum

import numpy as np

from models.catalogue import load_catalogue
from models.spec import NetworkSpec, Task
from models.validation.outputs import ends_in_probabilities

THRESHOLD = 0.5
"""From this score on a label of a multilabel task, and the second class of a binary task, counts as predicted."""
MARGIN_LOSSES = ("Hinge", "SquaredHinge")


class Activation(StrEnum):
    """What makes scores of the network's raw outputs, where they aren't scores yet."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    MARGIN = "margin"
    """From -1 … 1, as hinge losses train, to 0 … 1."""


def find_activation(spec: NetworkSpec) -> Activation | None:
    """What is still to be applied to the outputs of a network that was compiled so.

    Losses `from_logits` leave softmax or sigmoid out of the network; hinge losses train outputs from -1 to 1, unless
    the network ends in probabilities.
    """
    loss = load_catalogue().find("loss", spec.loss.type)
    if spec.task is Task.REGRESSION or loss is None:
        return None
    if spec.loss.parameters.get("from_logits"):
        return Activation.SOFTMAX if "Categorical" in loss.type else Activation.SIGMOID
    is_margin = loss.type in MARGIN_LOSSES and not ends_in_probabilities(spec.layers, spec.inputs, spec.task)
    return Activation.MARGIN if is_margin else None


def score(outputs: np.ndarray, task: Task, activation: Activation | None) -> np.ndarray:
    """The score of each class (rows, classes), from a classifying network's raw outputs."""
    if activation is Activation.SOFTMAX:
        return _softmax(outputs)
    if activation is Activation.SIGMOID:
        outputs = _sigmoid(outputs)
    elif activation is Activation.MARGIN:
        outputs = np.clip((1 + outputs) / 2, 0, 1)
    if task is Task.BINARY and outputs.shape[-1] == 1:
        return np.concatenate([1 - outputs, outputs], axis=1)
    return outputs


def predicted_classes(scores: np.ndarray, task: Task) -> np.ndarray:
    """The number of the class that each row of scores (rows, classes) predicts, (rows,): the one with the highest.

    Of equal scores the first counts; of a binary task's two the second, whose probability then is the THRESHOLD. A
    score that is no number counts as the highest.
    """
    if task is Task.BINARY:
        return 1 - scores[:, ::-1].argmax(axis=1)
    return scores.argmax(axis=1)


def ranked_classes(scores: np.ndarray, task: Task) -> np.ndarray:
    """The numbers of all classes of each row (rows, classes), best first; equal ones as in `predicted_classes`."""
    if task is Task.BINARY:
        return 1 - np.argsort(-scores[:, ::-1], axis=1, kind="stable")
    return np.argsort(-scores, axis=1, kind="stable")


def predicted_labels(scores: np.ndarray) -> np.ndarray:
    """Which labels each row of a multilabel task's scores predicts (rows, classes): those with 0.5 or more."""
    return scores >= THRESHOLD


@np.errstate(invalid="ignore")
def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@np.errstate(invalid="ignore")
def _sigmoid(logits: np.ndarray) -> np.ndarray:
    # e^-|x| can't overflow; for x < 0 it is the numerator of the same function
    power = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, power) / (1 + power)
