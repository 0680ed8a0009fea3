"""TypeScript clients that others' generators make of openapi.yaml compile strictly, and take the README's tour."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.tours.outcome import check_tour
from tests.other_clients import generate, needs_clients, node_modules, run
from tests.running_service import ROOT, RunningService

pytestmark = needs_clients

TOURS = Path(__file__).with_name("tours")
COMPILER = {
    "compilerOptions": {
        "strict": True,
        "skipLibCheck": True,  # of the declarations of packages and browsers, not of the generated code
        "target": "es2022",
        "lib": ["es2022", "dom", "dom.iterable"],
        "types": [],
        "module": "nodenext",
        "outDir": "compiled",
    },
    "include": ["tour.ts", "client"],
}


def openapi_typescript(folder: Path, path: str) -> None:
    run("openapi-typescript", ROOT / "openapi.yaml", "-o", folder / "client" / "schema.ts", folder=folder, PATH=path)


def hey_api(folder: Path, path: str) -> None:
    run("openapi-ts", "-i", ROOT / "openapi.yaml", "-o", folder / "client", "--silent", folder=folder, PATH=path)


def typescript_fetch(folder: Path, path: str) -> None:
    generate("typescript-fetch", folder / "client", "skipFormModel=false")


@pytest.mark.parametrize("generator", [openapi_typescript, hey_api, typescript_fetch])
def test_a_generated_client_takes_the_tour(
    generator: Callable[[Path, str], None], service: RunningService, tmp_path: Path
) -> None:
    modules, path = node_modules()
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "tsconfig.json").write_text(json.dumps(COMPILER))
    shutil.copy(TOURS / f"{generator.__name__}.ts", tmp_path / "tour.ts")
    generator(tmp_path, path)
    run("tsc", folder=tmp_path, PATH=path)
    name = generator.__name__.replace("_", "-")
    check_tour(run("node", "compiled/tour.js", service.client.base_url, name, folder=tmp_path, PATH=path))
