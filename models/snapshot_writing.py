"""Writes the snapshots of a training (models/snapshots.py describes their files). Doesn't import Keras."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import NotServable
from models.export import export_graph
from models.files.sums import write_sums
from models.predictor import write_preprocessing
from models.preprocessing import Preprocessing
from models.runtime import ROWS_AT_ONCE
from models.snapshots import LAYOUT, VALUES, Layout, StoredWeight
from models.spec import NetworkSpec
from models.targets import TargetEncoding
from models.version_files import ARTIFACTS, TRAINED


@dataclass(frozen=True)
class Described:
    """A network in training, as it is described beside its snapshots."""

    spec: NetworkSpec
    preprocessing: Preprocessing
    encoding: TargetEncoding
    trained: dict[str, Any]
    """What `trained.json` has of a version."""
    rows_at_once: int = ROWS_AT_ONCE


def begin(folder: Path, network: Described, weights: Mapping[str, np.ndarray]) -> None:
    """Write what all snapshots share. A network that can't be exported has no graph, and its layout says why.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    encoding = network.encoding
    write_preprocessing(
        folder / ARTIFACTS["preprocessing"], network.spec, network.preprocessing, encoding, network.rows_at_once
    )
    (folder / TRAINED).write_text(json.dumps(network.trained, ensure_ascii=False), encoding="utf-8")
    served, reason = None, None
    try:
        served = export_graph(network.spec, weights, folder / ARTIFACTS["onnx"], encoding.scale, values=VALUES)
    except NotServable as error:
        reason = error.detail
    stored = tuple(StoredWeight(name, array.dtype.name, array.shape) for name, array in weights.items())
    document = Layout(stored, served, reason).to_document()
    (folder / LAYOUT).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    write_sums(folder)
