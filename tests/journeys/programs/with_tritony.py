"""tritony's client: `HOST:PORT`, and rows on the standard input; prints what it gets."""

import json
import sys

import numpy as np
from tritony import InferenceClient

rows = np.array(json.load(sys.stdin), np.float32)
client = InferenceClient.create_with("dense", sys.argv[1], input_dims=2, protocol="http")
print(json.dumps({"output": client(rows).tolist()}))
