"""The description of the service in the OpenAPI document."""

from typing import Any

DESCRIPTION = """\
A self-hosted service that trains and serves neural networks.

**Quickstart.** You can run each step on `/docs` with the example that is filled in; where a step needs an `id`, copy
it from an earlier response:

1. `POST /v1/datasets` creates a dataset: `flowers`, 150 irises of three species.
2. `POST /v1/models` creates a model: the layers of a network, its optimizer and its loss, named as in Keras. A worker
   builds the network immediately, so the response reports shapes that don't fit.
3. `POST /v1/training-jobs` trains the model on the dataset. `GET` the job's `links.self` with `Prefer: wait=60` to wait
   until the job is final, or follow its events at `links.events`.
4. A successful job creates a version of the model, numbered from 1. `POST /v1/models/flowers/predictions` predicts
   with the latest version. Send raw values: the version applies the scaling and the categories of its training.

**Authentication.** A service without API keys is open to everybody who reaches it. If it has keys, every request needs
one: choose **Authorize** on `/docs`, or send `Authorization: Bearer KEY`. Without a valid key, the response is 401;
without the scope that the operation needs, it is 403. A key sees only what belongs to its project.

**Conventions.** Bodies are JSON objects with `snake_case` fields. Timestamps are RFC 3339 in UTC, durations are in
seconds, sizes are in bytes, URLs are absolute-path references. Ignore response fields that you don't know. Errors are
`application/problem+json` (RFC 9457): `errors` lists all faults, each with its location and what would be valid, and
`type` is the URL of a page that explains the error.

**Creating** a resource returns 201 if it is finished within the wait, else 202 with `Retry-After`. `Prefer: wait=N`
sets the wait, and `Idempotency-Key` makes the request safe to retry. **Lists** continue at `next`. **Changes** can be
made conditional with the `ETag` of the resource.

Clients of TensorFlow Serving and of the Open Inference Protocol v2 (KServe, Triton, MLServer) work unchanged.
"""

INFO: dict[str, Any] = {
    "summary": "Trains and serves neural networks over HTTP.",
    "description": DESCRIPTION,
    "license": {"name": "MIT", "identifier": "MIT"},
    "contact": {"name": "The operator of this service", "url": "http://127.0.0.1:8000/"},
    "x-api-id": "fitserve",
    "x-audience": "company-internal",
}

SERVERS = [{"url": "/", "description": "Local: the service that returned this document.", "x-internal": True}]
