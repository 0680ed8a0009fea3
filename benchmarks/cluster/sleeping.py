"""A worker whose only jobs sleep, one at a time, without TensorFlow: `python -m benchmarks.cluster.sleeping`."""

from service import logs
from service.config import Settings
from service.operations.jobs import registry
from service.worker.main import run
from service.worker.processes import TASK
from tests.service.worker.sleep_kind import Sleep

PRELOADED = ("service.worker.child", "service.worker.main", "tests.service.worker.sleep_kind")


class OneSleep(Sleep):
    """A sleep, of which a worker does one at a time."""

    def slots(self, settings: Settings) -> int:
        return settings.worker_slots


KIND = OneSleep()


def main() -> None:
    registry.KINDS.clear()
    registry.KINDS[KIND.name] = KIND
    settings = Settings.from_environment()
    logs.configure(settings, "worker")
    run(settings, TASK, PRELOADED)


if __name__ == "__main__":
    main()
