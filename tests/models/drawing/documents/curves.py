"""Documents of training curves."""

from typing import Any

from hypothesis import strategies as st

from tests.models.drawing.odd_values import NAMES, NUMBERS, TEXTS, ids


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    jobs = [draw(_jobs()) for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3, 20])))]
    metrics = draw(st.lists(TEXTS, max_size=5) | st.lists(TEXTS, min_size=8, max_size=25))
    return {
        "title": draw(TEXTS),
        "description": draw(TEXTS),
        "jobs": jobs,
        "panels": [draw(_panels(metric, jobs)) for metric in metrics],
        "omitted_epochs": 0,
        "omitted_metrics": 0,
    }


def _jobs() -> st.SearchStrategy[dict[str, Any]]:
    epochs = st.integers(1, 30)
    best = st.none() | st.fixed_dictionaries({"epoch": epochs, "val_loss": NUMBERS})
    change = st.fixed_dictionaries({"epoch": epochs, "learning_rate": NUMBERS})
    return st.fixed_dictionaries(
        {
            "id": ids("tj"),
            "model": NAMES,
            "dataset": NAMES,
            "status": st.just("running"),
            "best": best,
            "learning_rate_changes": st.lists(change, max_size=8),
        }
    )


@st.composite
def _panels(draw: st.DrawFn, metric: str, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    series = []
    for job in jobs:
        epochs = sorted(draw(st.sets(st.integers(1, 100_000), max_size=20) | st.just({1}) | st.just(set(range(1, 31)))))
        value = draw(st.sampled_from([0.0, 1.0, 1e-30, 1e300]))
        values = draw(st.lists(NUMBERS, min_size=len(epochs), max_size=len(epochs)) | st.just([value] * len(epochs)))
        splits = draw(st.sampled_from([("train",), ("train", "validation"), ("validation",)]))
        series += [{"job": job["id"], "split": split, "epochs": epochs, "values": values} for split in splits]
    # As operations choose: only positive numbers have a logarithmic scale.
    positive = all(value is None or value > 0 for line in series for value in line["values"])
    scale = draw(st.sampled_from(["linear", "logarithmic"])) if positive else "linear"
    return {"metric": metric, "scale": scale, "series": series}


DOCUMENTS = documents()
