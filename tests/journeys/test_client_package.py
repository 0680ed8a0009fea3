"""The package of the client alone: built, unpacked, and used without anything else of this repository."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import requests

from service import __version__
from tests.running_service import ROOT, RunningService

NEEDED = ("requests", "urllib3", "idna", "certifi", "charset_normalizer")
PROGRAM = """\
import sys
sys.path[:] = [path for path in sys.path if "site-packages" not in path] + [sys.argv[1]]
from fitserve_client import Client, RequestFailed, __version__
with Client(sys.argv[2]) as client:
    rows = [{"x": 1.0, "y": 2}, {"x": float("nan"), "y": 3}, {"x": 3.5, "y": 4}]
    spec = {"name": "packaged", "source": "inline", "rows": rows, "target": "y"}
    assert client.datasets.create(spec)["rows"] == 3
    try:
        client.predict("no-such-model", rows)
    except RequestFailed as failure:
        assert failure.code == "not-found"
    client.datasets.delete("packaged")
for name in ("service", "models", "tensorflow", "numpy"):
    assert name not in sys.modules, name
print(__version__)
"""


def test_the_built_client_needs_nothing_but_requests(service: RunningService, tmp_path: Path) -> None:
    source, wheels, site = tmp_path / "source", tmp_path / "wheels", tmp_path / "site"
    shutil.copytree(ROOT / "fitserve_client", source, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", "-q", *options, "--wheel-dir", str(wheels), str(source)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = wheels.glob("fitserve_client-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
        assert tops == {"fitserve_client", f"fitserve_client-{__version__}.dist-info"}
        archive.extractall(site)
    for name in NEEDED:
        (site / name).symlink_to(Path(requests.__file__).parents[1] / name)
    # -I and -S: neither this folder nor what is installed is on the path.
    program = [sys.executable, "-I", "-S", "-c", PROGRAM, str(site), service.client.base_url]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, __version__), done.stderr
