"""Pages of the documentation, done as they are printed: their commands and programs run, their answers compared."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.running_service import ROOT, Client

PRINTED_ADDRESS = "http://127.0.0.1:8000"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHOWN = ("json", "text")
"""The languages of what a page shows of an answer, below the block that it answers."""
ANYTHING = "…"
FRACTION = r"-?\d+\.\d+(?:e-?\d+)?"
ROUNDING = 0.05
"""How far a fraction may be from the one that is shown: trainings differ a little between processors."""
SEPARATOR = "\x1e"
COMMANDS = f"""
curl() {{ local ended=0; command curl --fail-with-body -S "$@" || ended=$?; echo; return $ended; }}
fitserve() {{ '{sys.executable}' -m service "$@"; }}
python() {{ '{sys.executable}' "$@"; }}
set -eu
"""
"""Each answer of curl ends its line; what `source .venv/bin/activate` puts at hand is there."""


@dataclass(frozen=True)
class Block:
    """Commands or a program on a page, and what the page shows of the answer below it, if anything."""

    language: str
    text: str
    shown: str | None = None

    @property
    def refused(self) -> bool:
        """Whether the page shows that the service refuses this: a problem, or an error of another protocol."""
        document = self.document
        return isinstance(document, dict) and (
            isinstance(document.get("error"), str) or isinstance(document.get("status"), int)
        )

    @property
    def document(self) -> Any:
        """What is shown as JSON; None if it isn't JSON."""
        try:
            return json.loads(self.shown or "")
        except json.JSONDecodeError:
            return None


@dataclass(frozen=True)
class Answer:
    """What a block printed."""

    block: Block
    printed: str

    @property
    def documents(self) -> list[Any]:
        """The JSON objects that were printed, each from the beginning of a line."""
        found, end = [], 0
        while (start := re.compile(r"^\{", re.MULTILINE).search(self.printed, end)) is not None:
            document, end = json.JSONDecoder().raw_decode(self.printed, start.start())
            found.append(document)
        return found

    def differences(self) -> Iterator[str]:
        """In what the last document, or the text, is unlike what the page shows."""
        if self.block.document is not None:
            yield from differences(self.block.document, self.documents[-1] if self.documents else None)
        elif self.block.shown is not None:
            yield from _text_differences(self.block.shown, self.printed)


def read_blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, or a part of one, in order."""
    blocks: list[Block] = []
    for language, inner in FENCE.findall(text):
        if language not in SHOWN:
            blocks.append(Block(language, inner))
        else:
            assert blocks, f"nothing is answered by {inner}"
            blocks[-1] = Block(blocks[-1].language, blocks[-1].text, inner)
    return blocks


def run_commands(blocks: list[Block], folder: Path, client: Client) -> list[Answer]:
    """Run the blocks of commands (`sh`), one after the other in one shell, as if pasted."""
    chosen = [block for block in blocks if block.language == "sh"]
    if shutil.which("curl") is None and any("curl " in block.text for block in chosen):
        pytest.skip("curl is not installed, which this page's commands use")
    refused = "if {{ {text}\n}}; then echo; echo 'this is not refused' >&2; exit 1; fi\n"
    pasted = (refused.format(text=block.text) if block.refused else block.text for block in chosen)
    script = COMMANDS + "".join(f"{text}printf '{SEPARATOR}'\n" for text in pasted)
    environment = os.environ | {"FITSERVE_URL": client.base_url, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        ["bash", "-c", script.replace(PRINTED_ADDRESS, client.base_url)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stdout.replace(SEPARATOR, "") + ended.stderr
    return [Answer(*pair) for pair in zip(chosen, ended.stdout.split(SEPARATOR)[:-1], strict=True)]


def run_program(blocks: list[Block], folder: Path, client: Client) -> list[Answer]:
    """Run the blocks of Python as one program, in this process, where Keras may be loaded already."""
    names: dict[str, Any] = {"__name__": "__main__"}
    answers = []
    with contextlib.chdir(folder):
        for block in blocks:
            if block.language == "python":
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    exec(block.text.replace(PRINTED_ADDRESS, client.base_url), names)
                answers.append(Answer(block, printed.getvalue()))
    return answers


def differences(shown: Any, found: Any, place: str = "") -> Iterator[str]:
    """In what an answer is unlike the one that is shown. Members that aren't shown may be there; `…` is anything; as
    the last of a list it is all the others; fractions may be rounded."""
    if isinstance(shown, str) and isinstance(found, str) and ANYTHING in shown:
        same = re.fullmatch(_pattern(shown), found) is not None
    elif isinstance(shown, dict) and isinstance(found, dict):
        for name, value in shown.items():
            yield from differences(value, found.get(name, "(absent)"), f"{place}/{name}")
        return
    elif isinstance(shown, list) and isinstance(found, list):
        if shown[-1:] == [ANYTHING]:
            shown, found = shown[:-1], found[: len(shown) - 1]
        for number, pair in enumerate(zip(shown, found, strict=False)):
            yield from differences(*pair, f"{place}/{number}")
        same = len(shown) == len(found)
    elif isinstance(shown, float) and isinstance(found, int | float):
        same = abs(shown - found) <= ROUNDING * max(1, abs(shown))
    else:
        same = shown in (found, ANYTHING)
    if not same:
        yield f"{place}: shown {shown!r}, but it is {found!r}"


def _text_differences(shown: str, printed: str) -> Iterator[str]:
    """In what printed lines are unlike those that are shown; there may be others between."""
    lines = r".*\n(?:.*\n)*?".join(map(_pattern, shown.splitlines()))
    match = re.search(lines, _even(printed))
    if match is None:
        yield f"what is shown isn't there:\n{shown}"
    else:
        for number, found in zip(re.findall(FRACTION, shown), match.groups(), strict=True):
            yield from differences(float(number), float(found), "text")


def _pattern(text: str) -> str:
    """What a shown text stands for, spaces counting as one; its groups are the places of fractions."""
    stands_for = {ANYTHING: r"[\s\S]*?"}
    parts = re.split(f"({ANYTHING}|{FRACTION})", _even(text))
    return "".join(
        stands_for.get(part, r"(-?\d+(?:\.\d*)?(?:e-?\d+)?)") if number % 2 else re.escape(part)
        for number, part in enumerate(parts)
    )


def _even(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.splitlines())
