"""The README's tour does what it says, pasted as it is printed; so do the pages on protocols and HTTP."""

from pathlib import Path

from tests.printed_pages import PRINTED_ADDRESS, read_blocks, run_commands, run_program
from tests.running_service import ROOT, Client


def test_the_tour_trains_and_predicts_and_other_servers_clients_meet_its_models(client: Client, tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    section = text[text.index("## A tour") : text.index("## Speed")]
    assert PRINTED_ADDRESS in section
    tour = run_commands(read_blocks(section), tmp_path, client)
    documents = [document for answer in tour for document in answer.documents]
    dataset, model, epochs, weights, line, flowers, *_, flower = documents
    assert dataset["status"] == model["status"] == flowers["status"] == "ready"
    assert len(epochs["epochs"]) == 10
    assert [round(weights["weights"][0]["values"][0][0]), round(weights["weights"][1]["values"][0])] == [2, -1]
    assert round(line["predictions"][0]["value"]) == 19
    assert flower["predictions"][0]["label"] == "setosa"

    blocks = read_blocks((ROOT / "docs" / "protocols.md").read_text())
    answers = [*run_commands(blocks, tmp_path, client), *run_program(blocks, tmp_path, client)]
    assert len(answers) > 8
    answers += run_commands(read_blocks((ROOT / "docs" / "http.md").read_text()), tmp_path, client)
    assert [difference for answer in answers for difference in answer.differences()] == []
