"""The README's tour does what it says, pasted as it is printed."""

from pathlib import Path

from tests.printed_pages import PRINTED_ADDRESS, read_blocks, run_commands
from tests.running_service import ROOT, Client


def test_the_tour_trains_and_predicts(client: Client, tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    section = text[text.index("## A tour") : text.index("## Speed")]
    assert PRINTED_ADDRESS in section
    answers = [
        document for answer in run_commands(read_blocks(section), tmp_path, client) for document in answer.documents
    ]
    dataset, model, epochs, weights, line, flowers, *_, flower = answers
    assert dataset["status"] == model["status"] == flowers["status"] == "ready"
    assert len(epochs["epochs"]) == 10
    assert [round(weights["weights"][0]["values"][0][0]), round(weights["weights"][1]["values"][0])] == [2, -1]
    assert round(line["predictions"][0]["value"]) == 19
    assert flower["predictions"][0]["label"] == "setosa"
