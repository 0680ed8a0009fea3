"""Environments of their own for the peers, whose libraries Fitserve doesn't need."""

import shutil
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parent
DEFAULT_FOLDER = BENCHMARKS.parent / "build" / "environments"
SERVING = ("asgi", "litserve", "mlserver", "openvino", "triton")
REQUIREMENTS = {
    "training": BENCHMARKS / "peers" / "requirements.txt",
    **{name: BENCHMARKS / "serving_peers" / f"requirements-{name}.txt" for name in SERVING},
}


def python_of(name: str, folder: Path = DEFAULT_FOLDER) -> str:
    """The Python of an environment, which is made where it is missing or where its requirements have changed."""
    environment, wanted = folder.resolve() / name, REQUIREMENTS[name]
    python, installed = environment / "bin" / "python", environment / wanted.name
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        print(f"Making {environment}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(wanted)], check=True)
        shutil.copy(wanted, installed)
    return str(python)
