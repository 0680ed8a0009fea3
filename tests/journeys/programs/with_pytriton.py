"""PyTriton's client: `URL`, and rows on the standard input; prints what it gets."""

import json
import sys

import numpy as np
from pytriton.client import ModelClient

rows = np.array(json.load(sys.stdin), np.float32)
with ModelClient(sys.argv[1], "dense") as client:
    batch = client.infer_batch(rows)
    named = client.infer_batch(input=rows)
    largest = client.model_config.max_batch_size
print(json.dumps({"batch": batch["output"].tolist(), "named": named["output"].tolist(), "largest": largest}))
