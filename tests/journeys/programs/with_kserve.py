"""KServe's InferenceRESTClient, v1 and v2: `URL`, and rows on the standard input; prints what it gets."""

import asyncio
import json
import sys

from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def main(url: str, rows: list[list[float]]) -> None:
    first = InferenceRESTClient(RESTConfig(protocol="v1"))
    second = InferenceRESTClient(RESTConfig(protocol="v2"))
    given = InferInput("input-0", [len(rows), len(rows[0])], "FP32", rows)
    found = {
        "v1": (await first.infer(url, {"instances": rows}, model_name="dense"))["predictions"],
        "v1 ready": await first.is_model_ready(url, "dense"),
        "v1 live": await first.is_server_live(url),
        "v2 live": await second.is_server_live(url),
        "v2 server ready": await second.is_server_ready(url),
        "v2 ready": await second.is_model_ready(url, "dense"),
    }
    answer = await second.infer(url, InferRequest("dense", [given]), model_name="dense")
    found["v2"] = answer.outputs[0].as_numpy().tolist()
    print(json.dumps(found))


asyncio.run(main(sys.argv[1], json.load(sys.stdin)))
