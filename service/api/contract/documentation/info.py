"""What the OpenAPI document says about the service as a whole."""

from typing import Any

DESCRIPTION = """\
A self-hosted service that trains and serves neural networks.

**A first job**, every step of which can be tried out right on `/docs` with the example that is filled in, and the
`id` of an answer where one is asked for:

1. `POST /v1/datasets` makes a dataset: `flowers`, 150 irises of three species.
2. `POST /v1/models` makes a model: the layers of a network, its optimizer and its loss, in Keras's own words. The
   network is really built, so that a shape that doesn't fit is told at once.
3. `POST /v1/training-jobs` trains the model on the dataset. `GET` of the job's `links.self` with `Prefer: wait=60`
   answers when it is done; `links.events` streams what happens meanwhile.
4. A job that succeeds makes a version of the model, numbered from 1. `POST /v1/models/flowers/predictions` predicts
   with the latest one, by raw values: whatever was learned about scales and categories is applied here.

**What holds everywhere.** Bodies are JSON objects with `snake_case` members, times RFC 3339 in UTC, durations seconds,
sizes bytes, URLs absolute-path references. Clients ignore members that they don't know. Errors are
`application/problem+json` (RFC 9457): every fault is told at once in `errors`, each with its place and what would be
right, and `type` leads to a page about it.

**Creating** answers 201 when the thing is finished within the wait, else 202 with `Retry-After`; `Prefer: wait=N`
sets the wait, and `Idempotency-Key` makes it safe to send the request again. **Lists** go on at `next`. **Changes**
can be made conditional with the `ETag` of what was read.

Clients of TensorFlow Serving and of the Open Inference Protocol v2 (KServe, Triton, MLServer) work unchanged.
"""

INFO: dict[str, Any] = {
    "summary": "Trains and serves neural networks over HTTP.",
    "description": DESCRIPTION,
    "license": {"name": "MIT", "identifier": "MIT"},
    "contact": {"name": "Whoever runs this service", "url": "http://127.0.0.1:8000/"},
    "x-api-id": "fitserve",
    "x-audience": "company-internal",
}

SERVERS = [{"url": "/", "description": "Local: the service that this document is from.", "x-internal": True}]
