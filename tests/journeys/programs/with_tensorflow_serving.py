"""TensorFlow Serving's protocol buffers read the answers of status and metadata: `URL`; prints what they found."""

import json
import sys
import urllib.request

from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2


def read(path: str) -> str:
    with urllib.request.urlopen(f"{sys.argv[1]}/v1/models/dense{path}") as response:
        return str(response.read(), "utf-8")


status = json_format.Parse(read(""), get_model_status_pb2.GetModelStatusResponse(), ignore_unknown_fields=True)
numbered = json_format.Parse(
    read("/versions/1"), get_model_status_pb2.GetModelStatusResponse(), ignore_unknown_fields=True
)
document = json.loads(read("/metadata"))
metadata = json_format.ParseDict(
    document["metadata"]["signature_def"], get_model_metadata_pb2.SignatureDefMap(), ignore_unknown_fields=True
)
signature = metadata.signature_def["serving_default"]
found = {
    "versions": [[entry.version, entry.state] for entry in status.model_version_status],
    "numbered": [[entry.version, entry.state] for entry in numbered.model_version_status],
    "method": signature.method_name,
    "inputs": {name: [axis.size for axis in given.tensor_shape.dim] for name, given in signature.inputs.items()},
}
print(json.dumps(found))
