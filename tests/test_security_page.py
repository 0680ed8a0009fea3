"""docs/security.md: every test that it names exists, and every risk has one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text()
RISKS = re.findall(r"^## (API\d+): .*?\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_risk_of_the_list_is_there() -> None:
    assert [risk for risk, _ in RISKS] == [f"API{number}" for number in range(1, 11)]


@pytest.mark.parametrize(("risk", "text"), RISKS, ids=[risk for risk, _ in RISKS])
def test_the_tests_of_a_risk_exist(risk: str, text: str) -> None:
    named = TEST.findall(text)
    assert len(named) == text.count("::") > 0
    for file, name in named:
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), f"{file}::{name}"
