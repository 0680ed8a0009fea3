"""The README's tour does what it says, pasted as it is printed."""

import json
import re
import subprocess
from pathlib import Path

from tests.running_service import ROOT, RunningService

PRINTED_ADDRESS = "http://127.0.0.1:8000"


def tour() -> str:
    """The commands of the tour, in order."""
    text = (ROOT / "README.md").read_text()
    section = text[text.index("## A tour") : text.index("## Speed")]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def test_the_tour_trains_and_predicts(service: RunningService, tmp_path: Path) -> None:
    commands = tour().replace(PRINTED_ADDRESS, service.client.base_url)
    assert PRINTED_ADDRESS not in commands
    # Each answer on a line of its own; nothing else of the printed commands is changed.
    script = f'set -eu\ncurl() {{ command curl --fail-with-body -S "$@"; echo; }}\n{commands}'
    pasted = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert pasted.returncode == 0, pasted.stdout + pasted.stderr

    answers = [json.loads(line) for line in pasted.stdout.splitlines() if line]
    dataset, model, epochs, weights, line, flowers, *_, flower = answers
    assert dataset["status"] == model["status"] == flowers["status"] == "ready"
    assert len(epochs["epochs"]) == 10
    assert [round(weights["weights"][0]["values"][0][0]), round(weights["weights"][1]["values"][0])] == [2, -1]
    assert round(line["predictions"][0]["value"]) == 19
    assert flower["predictions"][0]["label"] == "setosa"
