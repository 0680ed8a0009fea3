"""The artifact store in an S3 bucket, which this host reads through a cache."""

import copy
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import structlog

from models.errors import DamagedFile
from models.files.sums import SUMS_FILE, check_files, read_sums, write_sums
from service.errors import ArtifactsError, ArtifactsUnwritable
from service.storage.artifact_cache import ArtifactCache, HeldFolder
from service.storage.artifact_keys import GROUPS, SEPARATOR, check_name, count_parts, parse
from service.storage.artifacts import ArtifactStore
from service.storage.bucket import Bucket, Stored
from service.storage.identifiers import new_identifier

log = structlog.get_logger()

PROBES, HOLDS = ".probe", ".hold"
HOLD_SECONDS = 60
"""How often a process that holds removal says so."""
LOST_HOLD_SECONDS = 600
"""After so long without that, the process has crashed."""
STALE_PAUSES = (0.2, 0.4, 0.8, 1.6)
"""The seconds between attempts to find what a row points to: some servers show what was just written only later."""
WRITABLE_SECONDS = 60
"""How long after a write the bucket counts as writable."""


class S3Store(ArtifactStore):
    """The objects KEY/NAME in a bucket: the same files as in a local folder.

    A folder is published by its SHA256SUMS, the last object that is written and the first that is removed. Without it
    there is no folder for readers, and the cleanup removes its objects. Keys are never written twice with other files.
    """

    def __init__(
        self, bucket: Bucket, root: Path, cache_bytes: int, *, least_free: int = 0, redirects: bool = False
    ) -> None:
        super().__init__(root)
        self._bucket = bucket
        self._cache = ArtifactCache(root, cache_bytes, least_free)
        self._redirects = redirects
        self._grown: set[str] = set()
        """The keys of growing folders whose shared files are published."""
        self._held: dict[str, HeldFolder] | None = None
        """The folders that this view holds, by key; None outside `holding`."""
        self._held_lock = threading.Lock()
        self._probe = _join(PROBES, new_identifier("probe"))
        """An empty object with which this process tries whether it may write."""

    def check(self) -> None:
        self._bucket.check()
        self._bucket.write(self._probe, b"")
        self._bucket.delete([self._probe])

    def is_writable(self) -> bool:
        """Also whether S3 answers. Only after WRITABLE_SECONDS without a write is one attempted."""
        self._bucket.check()
        if self._bucket.unwritten_seconds > WRITABLE_SECONDS:
            try:
                self._bucket.write(self._probe, b"")
            except ArtifactsUnwritable:
                return False
        return True

    def names(self, key: str) -> list[str]:
        return self._bucket.folders(_checked(key))

    def published_before(self, moment: float, group: str) -> list[str]:
        latest: dict[str, float] = {}
        depth = count_parts(group) - 1
        for name, stored in self._bucket.walk(_checked(group)):
            *folders, _ = name.split(SEPARATOR)
            if len(folders) >= depth and all(folders[:depth]):
                key = SEPARATOR.join((group, *folders[:depth]))
                latest[key] = max(stored.written_at, latest.get(key, 0))
        return sorted(key for key, written_at in latest.items() if written_at < moment)

    def empty_before(self, moment: float, key: str) -> list[str]:
        """None: folders exist by what is in them."""
        return []

    def move(self, folder: Path, key: str) -> None:
        if not folder.exists() and self._find_published(_checked(key)):
            return
        depth = count_parts(parse(key)[0]) - len(parse(key))
        for path in folder.glob(SEPARATOR.join(["*"] * depth)) if depth else (folder,):
            if not (path / SUMS_FILE).exists():  # a backup may contain folders that are older than the checksums
                write_sums(path)
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        named = {_join(key, path.relative_to(folder).as_posix()): path for path in files}
        self._bucket.upload({name: path for name, path in named.items() if path.name != SUMS_FILE})
        self._bucket.upload({name: path for name, path in named.items() if path.name == SUMS_FILE})
        if not depth:
            self._cache.adopt(folder, key)

    def folder(self, key: str, *names: str) -> Path:
        held = self._find_held(key)
        if held is None:
            held = self._cache.find(key) or self._download(key)
            if held is None:
                return self._cache.path(key)
            self._hold(key, held)
        for name in names:
            self._download_file(key, check_name(name), held.path)
        return held.path

    def _find_held(self, key: str) -> HeldFolder | None:
        with self._held_lock:
            return None if self._held is None else self._held.get(key)

    def _hold(self, key: str, folder: HeldFolder) -> None:
        with self._held_lock:
            if self._held is None or self._held.setdefault(key, folder) is not folder:
                folder.release()

    def _download(self, key: str) -> HeldFolder | None:
        """Copy a published folder; None if there is none."""
        found = self._find_published(_checked(key))
        if SUMS_FILE not in found:
            return None

        def write(folder: Path) -> None:
            self._bucket.download({_join(key, SUMS_FILE): folder / SUMS_FILE})
            names = read_sums(folder)
            for name in names:
                if name not in found:
                    raise DamagedFile(f"The stored file {name} is missing.")
            self._bucket.download(_files(key, names, folder))
            check_files(folder)

        try:
            return self._cache.fill(key, sum(stored.bytes for stored in found.values()), write)
        except (FileNotFoundError, DamagedFile):
            if SUMS_FILE in self._bucket.objects(key):
                raise
            return None  # it was removed meanwhile

    def _find_published(self, key: str) -> dict[str, Stored]:
        """The objects of a folder, which a row points to: so if it isn't published, it may be a moment later."""
        found = self._bucket.objects(key)
        for pause in STALE_PAUSES:
            if SUMS_FILE in found:
                break
            time.sleep(pause)
            found = self._bucket.objects(key)
        return found

    def _download_file(self, key: str, name: str, folder: Path) -> None:
        """Copy a file that was added to a folder while it grew, if it exists, perhaps a moment later."""
        partial = folder / f".{new_identifier('partial')}"
        for pause in (*STALE_PAUSES, 0):
            if (folder / name).exists():
                return
            try:
                self._bucket.download({_join(key, name): partial})
                partial.rename(folder / name)
            except FileNotFoundError:
                time.sleep(pause)
            finally:
                partial.unlink(missing_ok=True)

    @contextmanager
    def holding(self) -> Iterator[Self]:
        view = copy.copy(self)
        view._held, view._held_lock = {}, threading.Lock()
        try:
            yield view
        finally:
            with view._held_lock:
                held, view._held = view._held or {}, None
            for folder in held.values():
                folder.release()

    def url(self, key: str, name: str, headers: Mapping[str, str]) -> str | None:
        return self._bucket.url(_join(_checked(key), check_name(name)), headers) if self._redirects else None

    def grow(self, key: str) -> Path:
        held = self._find_held(key)
        if held is None:
            held = self._cache.grow(key)
            self._hold(key, held)
        return held.path

    def add_files(self, key: str, names: Collection[str]) -> None:
        if not names:
            return
        folder = self._cache.path(key)
        if key not in self._grown:
            self._bucket.upload(_files(key, read_sums(folder), folder))
            self._bucket.upload(_files(key, [SUMS_FILE], folder))
            self._grown.add(key)
        self._bucket.upload(_files(key, names, folder))

    def file_names(self, key: str) -> list[str]:
        folder = self._cache.path(key)
        here = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        return sorted(here | self._bucket.objects(_checked(key)).keys())

    def remove_files(self, key: str, names: Collection[str]) -> None:
        """Files that can't be removed now stay until their folder is removed."""
        for name in names:
            (self._cache.path(key) / check_name(name)).unlink(missing_ok=True)
        try:
            self._bucket.delete([_join(key, name) for name in names])
        except ArtifactsError as error:
            log.warning("files can't be removed now", key=key, files=len(names), reason=error.detail)

    @contextmanager
    def stored(self, key: str) -> Iterator[Path]:
        name = new_identifier("verify")
        folder = self.stage(name) / "stored"
        try:
            self.link(key, folder)
            yield folder
        finally:
            self.discard(name)

    def link(self, key: str, folder: Path) -> bool:
        found = self._bucket.objects(_checked(key))
        if SUMS_FILE not in found:
            return False
        folder.mkdir(parents=True)
        for name in found:  # one by one: snapshots may be removed meanwhile
            with suppress(FileNotFoundError):
                self._bucket.download(_files(key, [name], folder))
        return True

    def remove(self, key: str) -> None:
        try:
            found = self._bucket.objects(_checked(key))
            if found and self.removal_is_held():
                return
            self._remove(key, found)
        except ArtifactsError as error:
            log.warning("a folder can't be removed now", key=key, reason=error.detail)
        self._cache.drop(key)
        self._grown.discard(key)

    def _remove(self, key: str, found: Mapping[str, Stored]) -> None:
        sums = [name for name in found if name.rpartition(SEPARATOR)[2] == SUMS_FILE]
        for names in (sums, [name for name in found if name not in sums]):
            self._bucket.delete([_join(key, name) for name in names])

    def copies_before(self, moment: float) -> list[str]:
        return self._cache.used_before(moment)

    def drop_copy(self, key: str) -> None:
        self._cache.evict(key)

    def tidy(self, moment: float) -> None:
        self._cache.tidy(moment)

    def remove_leftovers(self, moment: float) -> None:
        self._bucket.abort_uploads(GROUPS, moment)  # the bucket may also have uploads of other programs
        for folder in (PROBES, HOLDS):
            found = self._bucket.objects(folder)
            self._bucket.delete([_join(folder, name) for name, left in found.items() if left.written_at < moment])

    @contextmanager
    def removing_held(self) -> Iterator[None]:
        name, ended = _join(HOLDS, new_identifier("hold")), threading.Event()

        def renew() -> None:
            while not ended.wait(HOLD_SECONDS):
                with suppress(ArtifactsError):
                    self._bucket.write(name, b"")

        self._bucket.write(name, b"")
        thread = threading.Thread(target=renew, name=name, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with suppress(ArtifactsError):
                self._bucket.delete([name])

    def removal_is_held(self) -> bool:
        oldest = time.time() - LOST_HOLD_SECONDS
        return any(hold.written_at > oldest for hold in self._bucket.objects(HOLDS).values())


def _checked(key: str) -> str:
    """Returns the key. Raises BadKey if it isn't one."""
    parse(key)
    return key


def _join(key: str, name: str) -> str:
    """The name of an object."""
    return f"{key}{SEPARATOR}{name}"


def _files(key: str, names: Collection[str], folder: Path) -> dict[str, Path]:
    """The paths of a folder's files by the names of their objects. Raises BadKey for a name that leads elsewhere."""
    for name in names:
        for part in name.split(SEPARATOR):
            check_name(part)
    return {_join(key, name): folder / name for name in names}
