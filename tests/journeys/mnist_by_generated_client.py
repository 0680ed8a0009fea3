"""The MNIST journey by a client that was generated from openapi.yaml: `URL mnist.npz` are its arguments.

test_generated_client.py generates the client, checks its types and those of this program, and runs it.
"""

import sys
from pathlib import Path
from typing import Any, TypeVar

import httpx
from generated_fitserve import AuthenticatedClient
from generated_fitserve.api.datasets import create_dataset, get_dataset, list_rows
from generated_fitserve.api.evaluations import create_evaluation, get_evaluation
from generated_fitserve.api.models import create_model
from generated_fitserve.api.predictions import predict
from generated_fitserve.api.training_jobs import create_training_job, get_metrics, get_training_job
from generated_fitserve.api.versions import get_version
from generated_fitserve.models import (
    CreateEvaluation,
    CreateModel,
    CreateTrainingJob,
    CreateUpload,
    Dataset,
    Evaluation,
    EvaluationResult,
    EvaluationStatus,
    ListRowsSplit,
    Metrics,
    Model,
    PredictionAnswer,
    PredictionRequest,
    RowPage,
    TrainingJob,
    TrainingJobStatus,
    Version,
)
from generated_fitserve.types import File

from tests.journeys.specs import DIGITS

WAIT = "wait=60"
FINAL = ("succeeded", "failed", "cancelled")

Wanted = TypeVar("Wanted")


def expect(kind: type[Wanted], answer: Any) -> Wanted:
    """The answer, which must be of that kind: a problem is none."""
    assert isinstance(answer, kind), answer
    return answer


def upload(client: AuthenticatedClient, path: Path) -> None:
    with path.open("rb") as file:
        body = CreateUpload(file=File(payload=file, file_name=path.name), name="mnist")
        created = expect(Dataset, create_dataset.sync(client=client, body=body, prefer=WAIT))
    assert created.status == "ready"
    found = expect(Dataset, get_dataset.sync("mnist", client=client))
    assert found.rows == 70_000


def train(client: AuthenticatedClient) -> TrainingJob:
    """A job that has succeeded."""
    expect(Model, create_model.sync(client=client, body=CreateModel.from_dict(DIGITS), prefer=WAIT))
    body = CreateTrainingJob(model="digits-mlp", dataset="mnist", epochs=1, batch_size=512, seed=7)
    job = expect(TrainingJob, create_training_job.sync(client=client, body=body))
    while job.status not in FINAL:
        job = expect(TrainingJob, get_training_job.sync(str(job.id), client=client, prefer=WAIT))
    assert job.status is TrainingJobStatus.SUCCEEDED, job.error
    return job


def evaluate(client: AuthenticatedClient) -> EvaluationResult:
    body = CreateEvaluation(model="digits-mlp", dataset="mnist")
    evaluation = expect(Evaluation, create_evaluation.sync(client=client, body=body, prefer=WAIT))
    while evaluation.status not in FINAL:
        evaluation = expect(Evaluation, get_evaluation.sync(str(evaluation.id), client=client, prefer=WAIT))
    assert evaluation.status is EvaluationStatus.SUCCEEDED, evaluation.error
    return expect(EvaluationResult, evaluation.result)


def count_right(client: AuthenticatedClient) -> float:
    """The share of some test rows whose label is predicted."""
    page = expect(RowPage, list_rows.sync("mnist", client=client, split=ListRowsSplit.TEST, limit=100))
    body = PredictionRequest(instances=[row.instance for row in page.items])
    answer = expect(PredictionAnswer, predict.sync("digits-mlp", client=client, body=body, scores=False))
    labels = [prediction.to_dict()["label"] for prediction in expect(list, answer.predictions)]
    return sum(label == row.target for label, row in zip(labels, page.items, strict=True)) / len(page.items)


def main(url: str, data: str) -> None:
    # The service has no keys, so it ignores the token.
    timeout = httpx.Timeout(90)
    with AuthenticatedClient(base_url=url, token="none", timeout=timeout, raise_on_unexpected_status=True) as client:
        upload(client, Path(data))
        job = train(client)
        metrics = expect(Metrics, get_metrics.sync(str(job.id), client=client))
        assert [epoch.to_dict()["epoch"] for epoch in expect(list, metrics.epochs)] == [1]
        version = expect(Version, get_version.sync("digits-mlp", expect(int, job.version), client=client))
        assert version.classes == list(range(10))
        assert expect(EvaluationResult, evaluate(client)).to_dict()["metrics"]["accuracy"] > 0.9
        assert count_right(client) > 0.9


if __name__ == "__main__":
    main(*sys.argv[1:])
