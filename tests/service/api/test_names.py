"""Names that clients choose: upper and lower case, up to 128 characters."""

from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import ApiClient

LONGEST = "A" + "b" * 127


def test_names_have_upper_case_letters_and_up_to_128_characters(trained: ApiClient) -> None:
    for name in ("ResNet50", LONGEST):
        trained.post("/v1/datasets", named(LINE_DATASET, name), 202, Prefer="wait=0")
        trained.post("/v1/models", named(LINE, name), 202, Prefer="wait=0")
        assert trained.get(f"/v1/datasets/{name}")["name"] == name
        assert trained.get(f"/v1/models/{name}")["name"] == name
        trained.put(f"/v1/models/line/labels/{name}", {"version": 1}, 201)
        assert trained.get(f"/v1/models/line/labels/{name}")["label"] == name
        prediction = trained.post(f"/v1/models/line/labels/{name}/predictions", {"instances": [[3]]}, 200)
        assert prediction["version"] == 1
        assert trained.get(f"/v1/training-jobs?model={name}")["items"] == []


def test_upper_and_lower_case_are_different_names(api: ApiClient) -> None:
    for name in ("ResNet50", "resnet50", "Stats"):
        api.post("/v1/datasets", named(LINE_DATASET, name), 202, Prefer="wait=0")
    api.post("/v1/datasets", named(LINE_DATASET, "resnet50"), 409, Prefer="wait=0")
    api.delete("/v1/datasets/ResNet50")
    api.get("/v1/datasets/ResNet50", 404)
    assert api.get("/v1/datasets/resnet50")["name"] == "resnet50"


def test_a_label_that_is_no_name_is_refused(trained: ApiClient) -> None:
    for label in ("-a", "a" * 129, "stats"):
        trained.put(f"/v1/models/line/labels/{label}", {"version": 1}, 422)
