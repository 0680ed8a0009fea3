"""What a page shows of an answer is really compared with it."""

from typing import Any

import pytest

from tests.printed_pages import Answer, Block, read_blocks

PAGE = """
```sh
fitserve datasets list
```

Some words.

```text
name … rows
x … 150
```

```python
print(1)
```
"""


def test_what_is_shown_belongs_to_the_block_above() -> None:
    assert read_blocks(PAGE) == [
        Block("sh", "fitserve datasets list\n", "name … rows\nx … 150\n"),
        Block("python", "print(1)\n"),
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "place"),
    [
        ('{"a": 1}', '{"a": 1, "b": 2}', None),
        ('{"a": 1}', '{"a": 2}', "/a: shown 1, but it is 2"),
        ('{"a": {"b": null}}', '{"a": {}}', "/a/b"),
        ('{"loss": 0.12}', '{"loss": 0.1234}', None),
        ('{"loss": 0.12}', '{"loss": 0.2}', "/loss"),
        ('{"id": "tj_…"}', '{"id": "tj_1"}', None),
        ('{"id": "tj_…"}', '{"id": "ev_1"}', "/id"),
        ('{"rows": [1, "…"]}', '{"rows": [1, 2, 3]}', None),
        ('{"rows": [1, 2]}', '{"rows": [1, 2, 3]}', "/rows"),
        ('{"a": 1}', "no JSON", ": shown"),
        ('{"a": 1}', '{"a": 2}\n{"a": 1}', None),
        ("name … rows\nx … 150", "name  kind  rows\n─────\n  x  table  150 ", None),
        ("name … rows\nx … 150", "name  kind  rows\n─────\n  x  table  151 ", "isn't there"),
        ("accuracy 0.95", "accuracy            0.9649", None),
        ("accuracy 0.95", "accuracy            0.5", "text: shown 0.95, but it is 0.5"),
    ],
)
def test_an_answer_that_is_unlike_what_is_shown_is_told(shown: str, printed: str, place: str | None) -> None:
    told = list(Answer(Block("sh", "", shown), printed).differences())
    assert (told == []) if place is None else place in told[0]


@pytest.mark.parametrize(
    ("shown", "refused"),
    [
        ('{"status": 422}', True),
        ('{"error": "…"}', True),
        ('{"status": "ready", "error": null}', False),
        ("text", False),
    ],
)
def test_a_block_whose_answer_is_an_error_is_to_be_refused(shown: Any, refused: bool) -> None:
    assert Block("sh", "", shown).refused is refused
