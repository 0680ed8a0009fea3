"""The guides do what they say: every command and program runs, and every answer is like the one that is shown."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.printed_pages import read_blocks, run_commands, run_program
from tests.running_service import ROOT, Client

FOLDER = ROOT / "docs" / "guides"
GUIDES = sorted(path.name for path in FOLDER.glob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_does_what_it_says(guide: str, client: Client, tmp_path: Path) -> None:
    for file in (FOLDER / "files").iterdir():
        shutil.copy(file, tmp_path)
    blocks = read_blocks((FOLDER / guide).read_text())
    answers = [*run_commands(blocks, tmp_path, client), *run_program(blocks, tmp_path, client)]
    unlike = [(answer.block.text, list(answer.differences())) for answer in answers if any(answer.differences())]
    assert unlike == []


def specs_of_long_jobs() -> dict[str, Any]:
    """The specs that the guide of the reference jobs posts, by name, long trainings' too."""
    text = (FOLDER / "reference-jobs.md").read_text()
    specs = [
        json.loads(spec) for spec in re.findall(r"fitserve models create '(\{.*?\})'$", text, re.DOTALL | re.MULTILINE)
    ]
    return {spec["name"]: spec for spec in specs}


def test_the_network_of_frozen_layers_that_takes_long_can_be_built(client: Client) -> None:
    specs = specs_of_long_jobs()
    pictures = np.random.default_rng(7).integers(0, 256, (20, 32, 32, 3))
    rows = {"inputs": pictures.tolist(), "targets": [number % 10 for number in range(20)]}
    client.post("/v1/datasets", {"name": "few-pictures", "source": "inline", **rows})
    if client.request("GET", "/v1/models/cifar-conv").status_code == 404:
        client.post("/v1/models", specs["cifar-conv"], wait=60)
    client.train("cifar-conv", "few-pictures", epochs=1, seed=7)
    summary = client.post("/v1/models?dry_run=true", specs["cifar-frozen"], expect=200)["summary"]
    assert (summary["trainable_parameters"], summary["non_trainable_parameters"]) == (525_962, 66_592)


def test_every_guide_is_in_the_list() -> None:
    assert sorted(re.findall(r"^\| \[.*?\]\(([^)]*)\)", (FOLDER / "README.md").read_text(), re.MULTILINE)) == GUIDES


@pytest.mark.parametrize("page", ["README.md", *GUIDES])
def test_every_link_of_a_guide_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", (FOLDER / page).read_text())
    targets = [(FOLDER / (path or page), anchor) for path, anchor in links]
    assert [path for path, _ in targets if not path.exists()] == []
    assert [(path, anchor) for path, anchor in targets if anchor and anchor not in anchors(path.read_text())] == []


def anchors(text: str) -> list[str]:
    """What links can lead to on a page: its headings, as they are made into addresses."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
