"""Reads the rows of an NPZ file."""

from itertools import islice
from pathlib import Path

import numpy as np

from models.errors import Fault, InvalidData
from models.files.npz import SUFFIX, NpzReader, find_misfit, list_arrays
from models.files.zip_files import open_zip
from models.limits import Limits
from models.spec import SINGLE_INPUT
from models.values.tensors import MAX_FAULTS


def read_inputs(path: Path, name: str, scratch: Path, limits: Limits) -> dict[str, np.ndarray]:
    """The raw inputs by name, shape (rows, …), in the NPZ file at `path`: `x`, or `x_NAME` for several inputs.

    Targets are ignored. The arrays are stored on the disk, in the folder `scratch`. Raises InvalidData.
    """
    with open_zip(path, name, limits) as archive:
        entries = list_arrays(archive)
        reader = NpzReader(archive, entries, scratch, lambda share: None)
        arrays = {array.removeprefix("x_"): array for array in sorted(entries) if array.startswith("x_")}
        if "x" in entries:
            arrays = {SINGLE_INPUT: "x"}
        if not arrays or {"x_train", "x_test"} & set(arrays.values()):
            detail = f'{name} must have the rows as the array "x", or as "x_NAME" for several inputs.'
            raise InvalidData(Fault(detail, file=name, allowed=tuple(sorted(entries))[:MAX_FAULTS]))
        headers = {array: reader.header(array) for array in arrays.values()}
        first = next(iter(headers))
        rows = headers[first].shape[0]
        misfits = (
            (array, problem)
            for array in headers
            if (problem := find_misfit(array, headers[array], first, rows, limits))
        )
        faults = [Fault(problem, file=f"{array}{SUFFIX}") for array, problem in islice(misfits, MAX_FAULTS)]
        if faults:
            raise InvalidData(*faults)
        return {input_: reader.array(array, headers[array]) for input_, array in arrays.items()}
