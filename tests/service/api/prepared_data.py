"""Data that many tests begin with. It is made once in a session and copied, which takes a tenth of the time."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from service.config import Settings
from service.context import Context
from service.storage.records import Record
from tests.contexts import make_context
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front

Make = Callable[[ApiClient, FakeWorker], None]
"""Makes data through the api and its worker, which does nothing yet."""
DATABASE = "fitserve.db"


def make_settings(folder: Path) -> Settings:
    """The settings of the tests' apps, with data in the folder."""
    return Settings(
        data_dir=folder,
        api_threads=4,
        max_concurrent_predictions=2,
        max_body_bytes=100_000,
        max_upload_bytes=300_000,
        max_model_file_bytes=400_000,
        model_wait_seconds=60,
        dataset_wait_seconds=60,
    )


class PreparedData:
    """Folders with a database and artifacts, each made the first time that it is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Make | None, Path] = {}

    def context(self, folder: Path) -> Context:
        """A new context with an empty database in the folder."""
        (folder / DATABASE).write_bytes((self._find(None) / DATABASE).read_bytes())
        return make_context(make_settings(folder))

    def copy(self, make: Make, context: Context) -> None:
        """Fill an empty context with the data that a function makes."""
        source = self._find(make)
        with closing(sqlite3.connect(source / DATABASE)) as made, closing(_connect(context)) as own:
            made.backup(own)
        shutil.copytree(source / "artifacts", context.settings.artifact_folder, dirs_exist_ok=True)

    def _find(self, make: Make | None) -> Path:
        if make not in self._made:
            folder = self._folder / str(len(self._made))
            folder.mkdir()
            if make is None:
                context = make_context(make_settings(folder))
                Record.metadata.create_all(context.database.engine)
            else:
                context = self.context(folder)
                make(ApiClient(FrontClient(make_front(context))), FakeWorker(context))
            context.database.close()
            self._made[make] = folder
        return self._made[make]


def _connect(context: Context) -> sqlite3.Connection:
    return sqlite3.connect(context.settings.data_dir / DATABASE)
