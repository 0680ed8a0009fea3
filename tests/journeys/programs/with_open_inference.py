"""The client generated from the protocol's own document: `URL`, and rows on the standard input; prints what it gets."""

import json
import sys

from open_inference.openapi.client import InferenceRequest, OpenInferenceClient

rows = json.load(sys.stdin)
client = OpenInferenceClient(base_url=sys.argv[1])
client.check_server_liveness()
client.check_server_readiness()
client.check_model_readiness("dense")
given = {"name": "input", "shape": [len(rows), len(rows[0])], "datatype": "FP32", "data": rows}
answer = client.model_infer("dense", request=InferenceRequest(inputs=[given]))
found = {
    "server": client.read_server_metadata().name,
    "inputs": [entry.name for entry in client.read_model_metadata("dense").inputs],
    "output": json.loads(answer.outputs[0].json())["data"],
}
print(json.dumps(found))
