"""What the service holds before it is tested."""

from tests.journeys.specs import LINE, LINE_DATASET, classifier, named
from tests.running_service import Client

KEPT = ("line", TABLE := "flowers")
"""Models, and datasets of the same names; the rows of the last have columns."""
LABEL = "champion"
"""Of the first version of each model."""
ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def make_one_of_each(client: Client) -> dict[str, list[str]]:
    """Names and ids of what is made, by the dictionaries in which schemathesis looks them up."""
    line, table = KEPT
    client.post("/v1/datasets", named(LINE_DATASET, line), wait=60)
    client.post("/v1/models", named(LINE, line), wait=60)
    client.post("/v1/datasets", {"name": table, "source": "iris"}, wait=60)
    client.post("/v1/models", classifier(table, [4], 3, input={"dataset": table}), wait=60)
    jobs = [client.train(name, name, epochs=2, seed=7, label=LABEL)["id"] for name in KEPT]
    made = {"names": list(KEPT), "labels": [LABEL], "training-jobs": jobs}
    for kind in ("evaluations", "batch-predictions"):
        body = {"model": table, "dataset": table, "split": "test"}
        made[kind] = [client.post(f"/v1/{kind}", body, wait=60)["id"]]
    made["variant-jobs"] = [client.post(f"/v1/models/{table}/versions/1/variants", {"type": "int8"}, wait=60)["id"]]
    return made
