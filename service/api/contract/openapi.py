"""Writes openapi.yaml: `python -m service.api.contract.openapi`; `--check` compares it with the code."""

import sys
from pathlib import Path

from service.api.app import create_app
from service.api.contract.document import describe_as_yaml
from service.config import Settings
from service.context import Context

PATH = Path(__file__).parents[3] / "openapi.yaml"


def main(arguments: list[str]) -> int:
    """Write or check openapi.yaml. Returns the exit code."""
    text = describe_as_yaml(create_app(Context.from_settings(Settings())))
    if arguments == ["--check"]:
        current = PATH.exists() and PATH.read_text(encoding="utf-8") == text
        print("openapi.yaml is up to date." if current else "openapi.yaml differs from the code: run make openapi.")
        return 0 if current else 1
    PATH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
