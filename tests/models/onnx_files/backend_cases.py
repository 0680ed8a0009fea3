"""The ONNX project's own tests of operators, served: equal to what they expect, or refused with a reason.

`python -m tests.models.onnx_files.backend_cases 500` imports and predicts 500 of them, drawn at random, and prints how
many are served, and why the others are refused.
"""

import random
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import InvalidInstances, InvalidSpec
from models.limits import Limits
from models.model_files.imported import ImportFields
from models.model_files.onnx_checks import DOMAINS
from models.model_files.onnx_file import import_onnx
from models.model_files.onnx_version import make_version
from models.predictor import Predictor

RTOL, ATOL = 1e-3, 1e-6


@dataclass(frozen=True)
class Outcome:
    """What became of a test: `served`, `refused`, `refused rows` or `differs`; and why."""

    kind: str
    reason: str = ""


def load_cases() -> list[Any]:
    """The tests of operators of the accepted domains, by name."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflows on purpose
        cases = collect_testcases(None)
    return [case for case in cases if all(each.domain in DOMAINS for each in _opsets(case))]


def _opsets(case: Any) -> Any:
    return case.model.opset_import


def try_case(case: Any, folder: Path, *, in_process: bool = False) -> Outcome:
    """Import a test's network into the empty folder, and predict the test's own inputs with it."""
    path, version = folder / "case.onnx", folder / "version"
    path.write_bytes(case.model.SerializeToString())
    version.mkdir()
    read = make_version if in_process else import_onnx
    try:
        read(path, ImportFields(), version, Limits())
    except InvalidSpec as error:
        return Outcome("refused", error.detail)
    predictor = Predictor.load(version)
    for inputs, outputs in case.data_sets:
        try:
            outcome = _compare(case, predictor, inputs, outputs)
        except InvalidInstances as error:
            return Outcome("refused rows", error.detail)
        if outcome is not None:
            return outcome
    return Outcome("served")


def _compare(case: Any, predictor: Predictor, inputs: list[Any], outputs: list[Any]) -> Outcome | None:
    names = [value.name for value in case.model.graph.input]
    rows = {name: np.asarray(value) for name, value in zip(names, inputs, strict=True)}
    whole = any(values.shape != (len(values), *predictor.preprocessing.inputs[name].shape) if values.ndim else True
                for name, values in rows.items())  # fmt: skip
    if whole:
        rows = {name: values[np.newaxis] for name, values in rows.items()}
    taken = predictor.read_tensors({name: values.astype(np.float64) for name, values in rows.items()})
    found = predictor.network.run(taken)
    wanted_name = predictor.output_name.removesuffix("_output")
    wanted = np.asarray(outputs[[value.name for value in case.model.graph.output].index(wanted_name)])
    scale = float(np.max(np.abs(wanted), where=np.isfinite(wanted), initial=0)) if wanted.dtype.kind == "f" else 0
    atol = max(ATOL, scale * (1e-3 if wanted.dtype.itemsize == 2 else 1e-6))
    expected = wanted.astype(np.float32).reshape(found.shape) if wanted.size == found.size else wanted
    if expected.shape == found.shape and np.allclose(found, expected, RTOL, atol, equal_nan=True):
        return None
    return Outcome("differs", f"{found.ravel()[:5]} instead of {wanted.ravel()[:5]}")


def main(count: int) -> None:
    cases = load_cases()
    chosen = random.Random(0).sample(cases, min(count, len(cases)))
    kinds: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for case in chosen:
        with tempfile.TemporaryDirectory() as folder:
            outcome = try_case(case, Path(folder), in_process="--in-process" in sys.argv)
        kinds[outcome.kind] += 1
        if outcome.kind != "served":
            reasons[f"{outcome.kind}: {outcome.reason}"] += 1
            print(case.name, outcome.kind, outcome.reason, flush=True)
    print(dict(kinds))


if __name__ == "__main__":
    main(int(sys.argv[1]))
