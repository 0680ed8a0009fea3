"""A real worker in a process of its own, with this package's tasks: `python -m tests.service.worker.worker_process`.

With `real`, it has all tasks of the service; with `batches`, those of batch predictions, which need no TensorFlow.

When it ends it prints which of the heavy libraries it had imported.
"""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from service import logs
from service.config import Settings
from service.worker.main import run
from service.worker.processes import TASK as REAL_TASK
from tests.service.worker.bench import Bench
from tests.service.worker.fake_tasks import PRELOADED, TASK

ROOT = Path(__file__).parents[3]
BATCHES = ("service.worker.child", "models.tasks.batch_prediction", "models.tasks.batch_join")
"""What a worker imports that only runs batch predictions: no TensorFlow."""
HEAVY = ("tensorflow", "keras", "onnx", "onnxruntime", "onnxscript", "flask")


class WorkerProcess:
    """A worker that can be killed, unlike the test's own process."""

    def __init__(self, bench: Bench, *arguments: str, **settings: object) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FITSERVE_")}
        environment |= {"FITSERVE_DATA_DIR": str(bench.folder), "FITSERVE_POLL_SECONDS": "0.02"}
        environment |= {f"FITSERVE_{name.upper()}": str(value) for name, value in settings.items()}
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.service.worker.worker_process", *arguments],
            env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.process = psutil.Process(self._popen.pid)

    def end(self, signal_number: int) -> tuple[int, str]:
        """Send the signal; the exit code and standard output."""
        self._popen.send_signal(signal_number)
        output, errors = self._popen.communicate(timeout=15)
        print(errors, file=sys.stderr)
        return self._popen.returncode, output


if __name__ == "__main__":
    settings = Settings.from_environment()
    logs.configure(settings, "worker")
    if sys.argv[1:] == ["real"]:
        run(settings)
    elif sys.argv[1:] == ["batches"]:
        run(settings, REAL_TASK, BATCHES)
    else:
        run(settings, TASK, PRELOADED)
    print("imported:", *(name for name in HEAVY if name in sys.modules))
