"""A Go client that OpenAPI Generator makes of openapi.yaml compiles, and takes the README's tour."""

import shutil
from pathlib import Path

from tests.journeys.tours.outcome import check_tour
from tests.other_clients import environment, generate, needs_clients, run
from tests.running_service import ROOT, RunningService

pytestmark = needs_clients

TOUR = Path(__file__).with_name("tours") / "tour.go"
VALIDATOR = "gopkg.in/validator.v2"
MODULE = f"""\
module fitserve.example/client

go 1.23

require {VALIDATOR} v2.0.1

replace {VALIDATOR} => ./validator
"""
# Generated code needs this module to check patterns. Nothing is fetched, and this one checks nothing.
VALIDATOR_MODULE = f"module {VALIDATOR}\n\ngo 1.23\n"
VALIDATOR_CODE = "package validator\n\nfunc Validate(any) error { return nil }\n"


def test_a_generated_client_takes_the_tour(service: RunningService, tmp_path: Path) -> None:
    client = tmp_path / "client"
    generate("go", client)
    files = {"go.mod": MODULE, "validator/go.mod": VALIDATOR_MODULE, "validator/validator.go": VALIDATOR_CODE}
    for name, text in files.items():
        path = client / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (client / "tour").mkdir()
    shutil.copy(TOUR, client / "tour" / "main.go")
    settings = {
        "GOCACHE": str(ROOT / "build" / "clients" / "go-cache"),
        "GOPATH": str(tmp_path / "go"),
        # Without inlining, it compiles in two thirds of the time.
        "GOFLAGS": "-mod=mod -gcflags=all=-l",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    run(environment("generators") / "bin" / "go", "build", "-o", "take-tour", "./tour", folder=client, **settings)
    check_tour(run(client / "take-tour", service.client.base_url, "go"))
