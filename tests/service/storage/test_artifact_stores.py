"""What every artifact store does, and what only the one in S3 does."""

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest

from models.errors import DamagedFile
from models.files.sums import SUMS_FILE, check_files, find_faults, read_sums, write_sums
from service.config import Settings
from service.errors import ArtifactsUnavailable, ArtifactsUnwritable
from service.storage import bucket as buckets
from service.storage import s3_store
from service.storage.artifact_cache import ArtifactCache
from service.storage.artifact_stores import wait_for_store
from service.storage.artifacts import ArtifactStore
from service.storage.bucket import Bucket, BucketRefused
from service.storage.circuit_breaker import CircuitBreaker
from service.storage.folder_store import FolderStore
from service.storage.s3_store import S3Store
from tests.s3_server import S3Server

KEY = "models/md_1/tj_1-1"
FILES = {"network.onnx": b"network", "data/rows.npy": b"rows" * 1000, "empty": b""}
CACHE_BYTES = 10_000
LATER = math.inf

Open = Callable[[], ArtifactStore]
"""Opens the same store again, as another host does: a folder is shared by all, a cache is not."""


@pytest.fixture(autouse=True)
def consistent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads what isn't published needn't wait for it."""
    monkeypatch.setattr(s3_store, "STALE_PAUSES", ())


@pytest.fixture(params=["folder", "s3"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    if request.param == "folder":
        return lambda: FolderStore(tmp_path / "artifacts")
    return make_opening(request.getfixturevalue("s3"), tmp_path)


def make_opening(s3: S3Server, folder: Path, cache_bytes: int = CACHE_BYTES) -> Callable[[], S3Store]:
    bucket, hosts = s3.make_bucket(), iter(range(100))
    return lambda: S3Store(Bucket(f"{bucket}/some/prefix"), folder / f"host-{next(hosts)}", cache_bytes)


@pytest.fixture
def store(opened: Open) -> ArtifactStore:
    return opened()


@pytest.fixture
def other(opened: Open, store: ArtifactStore) -> ArtifactStore:
    """The store as another host opens it."""
    return opened()


@pytest.fixture
def in_s3(s3: S3Server, tmp_path: Path) -> Callable[[], S3Store]:
    return make_opening(s3, tmp_path)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def publish(store: ArtifactStore, key: str = KEY, files: dict[str, bytes] = FILES) -> str:
    store.publish(write(store.stage("tj_1-1"), files), key)
    return key


def read(store: ArtifactStore, key: str = KEY) -> dict[str, bytes]:
    folder = store.folder(key)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def test_what_one_host_publishes_all_read_with_its_checksums(store: ArtifactStore, other: ArtifactStore) -> None:
    publish(store)
    for reader in (store, other):
        assert FILES.items() <= read(reader).items()
        assert read_sums(reader.folder(KEY)).keys() == FILES.keys()
        assert reader.existing_file(KEY, "network.onnx").read_bytes() == b"network"
    assert not store.staged("tj_1-1").exists()
    store.publish(store.staged("tj_1-1"), KEY)  # again, after its answer was lost
    assert FILES.items() <= read(store).items()


def test_what_is_not_published_does_not_exist(store: ArtifactStore, other: ArtifactStore) -> None:
    write(store.stage("tj_1-1"), FILES)
    assert not other.folder(KEY).exists()
    assert not other.link(KEY, other.root / "copy")
    with other.stored(KEY) as folder:
        assert not folder.exists()
    with pytest.raises(DamagedFile, match="missing"):
        other.existing_file(KEY, "network.onnx")
    assert other.names("models/md_1") == other.published_before(LATER, "models") == []
    store.discard("tj_1-1")
    with pytest.raises(FileNotFoundError):
        store.publish(store.staged("tj_1-1"), KEY)


def test_names_and_ages_are_those_of_the_folders_below_a_key(store: ArtifactStore, other: ArtifactStore) -> None:
    began = time.time()
    for key in ("models/md_1/tj_1-1", "models/md_1/tj_2-1", "models/md_10/tj_3-1", "uploads/ds_1"):
        publish(store, key)
    assert other.names("models") == ["md_1", "md_10"]
    assert other.names("models/md_1") == ["tj_1-1", "tj_2-1"]
    assert other.names("uploads") == ["ds_1"]
    in_models = ["models/md_1/tj_1-1", "models/md_1/tj_2-1", "models/md_10/tj_3-1"]
    assert sorted(other.published_before(LATER, "models")) == in_models
    assert other.published_before(time.time() + 2, "uploads") == ["uploads/ds_1"]
    assert other.published_before(began - 2, "models") == []
    assert other.names("datasets") == other.published_before(LATER, "datasets") == []
    assert other.empty_before(LATER, "models") == []


def test_staged_folders_are_those_of_a_host(store: ArtifactStore) -> None:
    began = time.time()
    store.stage("upload_1")
    assert store.staged_before(began - 2) == []
    assert store.staged_before(LATER) == ["upload_1"]
    store.discard("upload_1")
    assert store.staged_before(LATER) == []


@pytest.mark.parametrize("key", [KEY, "models/md_1"])
def test_a_removed_folder_is_gone_for_all(store: ArtifactStore, other: ArtifactStore, key: str) -> None:
    publish(store)
    publish(store, "models/md_10/tj_1-1")
    store.remove(key)
    store.remove(key)
    assert not other.folder(KEY).exists()
    assert not store.folder(KEY).exists()
    assert other.names("models/md_1") == []
    assert other.names("models/md_10") == ["tj_1-1"]
    other.remove_leftovers(LATER)


def test_while_removal_is_held_on_one_host_none_removes(store: ArtifactStore, other: ArtifactStore) -> None:
    publish(store)
    with store.removing_held():
        assert other.removal_is_held()
        other.remove(KEY)
        assert store.link(KEY, store.stage("backup") / "copy")
    assert not other.removal_is_held()
    assert (store.staged("backup") / "copy" / "data" / "rows.npy").read_bytes() == FILES["data/rows.npy"]
    other.remove(KEY)
    assert not other.link(KEY, other.stage("backup") / "copy")


def test_a_folder_that_grows_is_read_file_by_file(store: ArtifactStore, other: ArtifactStore) -> None:
    key = "snapshots/tj_1/tj_1-1"
    with store.holding() as holding:
        folder = write(holding.grow(key), {"layout.json": b"{}"})
        write_sums(folder)
        assert store.folder(key) == folder
        write(folder, {"1.weights": b"one", "2.weights": b"two"})
        holding.add_files(key, ["1.weights"])
        assert (other.folder(key, "1.weights") / "1.weights").read_bytes() == b"one"
        holding.add_files(key, ["2.weights"])
        assert (other.folder(key, "2.weights") / "2.weights").read_bytes() == b"two"
        assert (other.folder(key) / "layout.json").read_bytes() == b"{}"
        assert not (other.folder(key, "3.weights") / "3.weights").exists()
    assert set(other.file_names(key)) == {SUMS_FILE, "layout.json", "1.weights", "2.weights"}
    store.remove_files(key, ["1.weights", "3.weights"])
    assert set(store.file_names(key)) == {SUMS_FILE, "layout.json", "2.weights"}
    with other.stored(key) as stored:
        assert (stored / "2.weights").read_bytes() == b"two"
        assert list(find_faults(stored, read_sums(stored))) == []
    store.remove(key)
    assert store.names("snapshots/tj_1") == []


def test_a_whole_group_is_restored(store: ArtifactStore, other: ArtifactStore) -> None:
    """As from a backup, also one with folders that are older than the checksums."""
    models = store.stage("restore") / "models"
    write_sums(write(models / "md_1" / "tj_1-1", FILES))
    write(models / "md_1" / "tj_2-1", FILES)
    uploads = write(store.staged("restore") / "uploads", {"ds_1/data": b"rows"})
    store.move(models, "models")
    store.move(uploads, "uploads")
    assert FILES.items() <= read(other).items()
    assert FILES.items() <= read(other, "models/md_1/tj_2-1").items()
    assert read(other, "uploads/ds_1")["data"] == b"rows"


# What follows is about S3 alone.


def test_a_folder_whose_upload_is_interrupted_does_not_exist(s3: S3Server, in_s3: Callable[[], S3Store]) -> None:
    store, other = in_s3(), in_s3()
    with s3.failing(status=403, methods=("PUT",), ends=SUMS_FILE), pytest.raises(ArtifactsUnwritable):
        publish(store)
    assert not other.folder(KEY).exists()
    assert not other.link(KEY, other.root / "copy")
    assert other.published_before(LATER, "models") == [KEY]  # for the cleanup
    store.publish(store.staged("tj_1-1"), KEY)
    assert FILES.items() <= read(other).items()


def test_the_checksums_are_removed_first(
    s3: S3Server, in_s3: Callable[[], S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "ATTEMPTS", 1)
    store = in_s3()
    publish(store)
    with s3.failing(status=500, methods=("POST",), after=1):
        store.remove(KEY)
    assert not in_s3().folder(KEY).exists()
    assert in_s3().published_before(LATER, "models") == [KEY]


def test_a_host_downloads_a_folder_once_however_many_ask(s3: S3Server, in_s3: Callable[[], S3Store]) -> None:
    publish(in_s3())
    store = in_s3()
    again = S3Store(store._bucket, store.root, CACHE_BYTES)  # another process of the host
    s3.requests.clear()
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda number: (store, again)[number % 2].folder(KEY), range(8)))
    assert set(folders) == {store.folder(KEY)}
    downloads = [request for request in s3.requests if request.startswith("GET") and "models/md_1/tj_1-1/" in request]
    assert len(downloads) == len(FILES) + 1
    assert names_in(store.root / ".partial") == []


def test_a_folder_that_is_removed_while_it_is_downloaded_does_not_exist(in_s3: Callable[[], S3Store]) -> None:
    store, reader = in_s3(), in_s3()
    publish(store)

    class Removing(Bucket):
        def download(self, files: Mapping[str, Path]) -> None:
            store.remove(KEY)
            super().download(files)

    reader._bucket = Removing(store._bucket.location)
    assert not reader.folder(KEY).exists()
    assert names_in(reader.root / ".partial") == []


def test_a_download_that_fails_leaves_that_of_who_waited_for_it_alone(tmp_path: Path) -> None:
    cache, begins, ends = ArtifactCache(tmp_path, CACHE_BYTES), threading.Barrier(2), threading.Barrier(2)

    def fail(folder: Path) -> None:
        write(folder, FILES)
        begins.wait()
        ends.wait()
        raise ArtifactsUnavailable("S3 doesn't answer.", retry_after=1)

    def succeed(folder: Path) -> None:
        write(folder, FILES)
        write_sums(folder)

    with ThreadPoolExecutor(2) as pool:
        for number in range(30):
            key = f"models/md_1/tj_{number}-1"
            failing = pool.submit(cache.fill, key, 0, fail)
            begins.wait()
            waiting = pool.submit(cache.fill, key, 0, succeed)
            ends.wait()
            assert isinstance(failing.exception(), ArtifactsUnavailable)
            check_files(waiting.result().path)


def test_a_damaged_object_is_not_served(s3: S3Server, in_s3: Callable[[], S3Store]) -> None:
    store, other = in_s3(), in_s3()
    publish(store)
    bucket = store._bucket.name
    s3.client.put_object(Bucket=bucket, Key=f"some/prefix/{KEY}/network.onnx", Body=b"changed")
    with pytest.raises(DamagedFile, match=r"network\.onnx is damaged"):
        other.folder(KEY)
    s3.client.delete_object(Bucket=bucket, Key=f"some/prefix/{KEY}/network.onnx")
    with pytest.raises(DamagedFile, match=r"network\.onnx is missing"):
        other.folder(KEY)
    assert names_in(other.root / ".partial") == []


def test_objects_of_other_programs_are_no_folders(s3: S3Server, in_s3: Callable[[], S3Store]) -> None:
    store = in_s3()
    publish(store)
    for name in ("models/", "models/md_1/", f"{KEY}/", "models/md_1/notes.txt", "models//odd/notes.txt"):
        s3.client.put_object(Bucket=store._bucket.name, Key=f"some/prefix/{name}", Body=b"")
    assert "md_1" in store.names("models")
    assert store.published_before(LATER, "models") == [KEY]
    assert in_s3().folder(KEY).exists()


def test_the_cache_keeps_what_is_in_use_and_evicts_the_least_recently_used(in_s3: Callable[[], S3Store]) -> None:
    writer, store = in_s3(), in_s3()
    keys = [f"models/md_1/tj_{number}-1" for number in range(5)]
    for key in keys:
        publish(writer, key, {"data": b"x" * 4000})  # two fit

    def copies() -> list[str]:
        return [key for key in keys if (store.root / key).exists()]

    with store.holding() as holding:
        first = holding.folder(keys[0])
        store.folder(keys[1])
        store.folder(keys[2])
        assert copies() == [keys[0], keys[2]]
        rows = (first / "data").read_bytes()
        store.folder(keys[3])
        assert copies() == [keys[0], keys[3]]
    assert rows == b"x" * 4000
    store.folder(keys[4])
    assert copies() == [keys[3], keys[4]]
    publish(writer, "models/md_1/large-1", {"data": b"x" * 2 * CACHE_BYTES})
    assert store.existing_file("models/md_1/large-1", "data").stat().st_size == 2 * CACHE_BYTES
    assert copies() == []


def test_the_cache_leaves_room_on_the_disk(in_s3: Callable[[], S3Store]) -> None:
    writer, store = in_s3(), in_s3()
    tight = S3Store(store._bucket, store.root, CACHE_BYTES, least_free=2**62)
    for number in range(2):
        publish(writer, f"models/md_1/tj_{number}-1", {"data": b"x"})
        tight.folder(f"models/md_1/tj_{number}-1")
    assert names_in(store.root / "models" / "md_1") == ["tj_1-1"]


def test_the_start_waits_for_s3_and_says_so(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data_dir=tmp_path, artifact_url=f"s3://{s3.make_bucket()}", start_seconds=30)
    monkeypatch.setattr(buckets, "ATTEMPTS", 1)
    monkeypatch.setattr(buckets, "REST_SECONDS", 0)
    with s3.failing(status=503, times=2):
        wait_for_store(settings)
    assert capsys.readouterr().out.count("waiting for the artifact store") == 2
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ArtifactsUnavailable, match=r"The artifact store fails: S3 can't be reached\."):
        wait_for_store(replace(settings, start_seconds=0.1))


def test_a_command_without_its_bucket_ends_in_one_line(s3: S3Server, tmp_path: Path) -> None:
    given = {name: value for name, value in os.environ.items() if not name.startswith("FITSERVE_")}
    given |= {"FITSERVE_ARTIFACT_URL": "s3://no-such-bucket", "FITSERVE_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "service", "verify"]
    ended = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "Error: The S3 bucket of FITSERVE_ARTIFACT_URL doesn't exist.\n"


def test_what_a_crashed_process_left_in_the_cache_is_replaced_and_tidied(in_s3: Callable[[], S3Store]) -> None:
    publish(in_s3())
    store = in_s3()
    write(store.root / ".partial" / KEY.replace("/", "+"), {"network.onnx": b"half"})
    write(store.root / ".partial" / "models+md_2+tj_1-1", {"network.onnx": b"half"})
    write(store.root / KEY, {"1.weights": b"grown by a process that crashed before it wrote the checksums"})
    assert FILES.items() <= read(store).items()
    assert "1.weights" not in read(store)
    store.tidy(time.time() - 100)
    assert names_in(store.root / ".partial") == ["models+md_2+tj_1-1"]
    store.tidy(LATER)
    assert names_in(store.root / ".partial") == []


def test_large_files_are_sent_in_parts_and_unfinished_ones_aborted(
    s3: S3Server, in_s3: Callable[[], S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "PART_BYTES", 5 * 1024**2)
    store, content = in_s3(), bytes(11 * 1024**2)
    publish(store, files={"data": content})
    assert [request.split()[0] for request in s3.requests].count("POST") == 2  # of one upload in parts
    assert in_s3().existing_file(KEY, "data").read_bytes() == content
    bucket = store._bucket.name
    own, foreign = "some/prefix/models/md_1/tj_2-1/data", "some/prefix/of-another-program"
    for name in (own, foreign):
        s3.client.create_multipart_upload(Bucket=bucket, Key=name)

    def unfinished() -> set[str]:
        return {upload["Key"] for upload in s3.client.list_multipart_uploads(Bucket=bucket)["Uploads"]}

    store.remove_leftovers(0)  # moto says of all uploads that they began in 2010
    assert unfinished() == {own, foreign}
    store.remove_leftovers(time.time() + 100)
    assert unfinished() == {foreign}


@pytest.mark.parametrize("status", [500, 503])
def test_a_request_is_sent_again_if_s3_fails(s3: S3Server, in_s3: Callable[[], S3Store], status: int) -> None:
    store = in_s3()
    with s3.failing(status=status, times=1) as fault:
        publish(store)
    assert fault.seen > 1
    assert FILES.items() <= read(in_s3()).items()


def test_a_download_that_is_cut_off_is_repeated(s3: S3Server, in_s3: Callable[[], S3Store]) -> None:
    publish(in_s3())
    store = in_s3()
    with s3.failing(cuts=True, methods=("GET",), ends="rows.npy", times=1):
        assert FILES.items() <= read(store).items()
    other = in_s3()
    with s3.failing(cuts=True, methods=("GET",), ends="rows.npy"), pytest.raises(ArtifactsUnavailable):
        other.folder(KEY)
    assert names_in(other.root / ".partial") == []


def test_s3_that_stays_away_is_told_and_copies_remain_readable(
    s3: S3Server, in_s3: Callable[[], S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "ATTEMPTS", 1)
    monkeypatch.setattr(buckets, "READ_SECONDS", 0.2)
    monkeypatch.setattr(buckets, "REST_SECONDS", 0.5)
    store, other = in_s3(), in_s3()
    publish(store)
    for fault, reason in (({"status": 503}, "SlowDown"), ({"seconds": 0.5}, "in time")):
        with s3.failing(**fault), pytest.raises(ArtifactsUnavailable, match=reason) as failed:
            other.folder(KEY)
        assert failed.value.retry_after
        s3.requests.clear()
        with pytest.raises(ArtifactsUnavailable, match=reason):
            other.folder(KEY)
        assert s3.requests == []  # nobody waits for timeouts again and again
        assert FILES.items() <= read(store).items()
        store.remove("models/md_2")
        wait_until(lambda: answers(other))
    assert FILES.items() <= read(other).items()


def answers(store: S3Store) -> bool:
    try:
        store.names("models")
    except ArtifactsUnavailable:
        return False
    return True


def test_a_silent_server_holds_up_one_request_for_seconds_and_the_next_ones_not_at_all(
    s3: S3Server, in_s3: Callable[[], S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = [in_s3() for _ in range(4)]
    publish(stores[0])
    stores[1].check()
    monkeypatch.setattr(buckets, "SMALL_SECONDS", 0.3)
    requests: list[Callable[[S3Store], object]] = [
        lambda store: store.check(),
        lambda store: store.is_writable(),
        lambda store: store.names("models"),
        lambda store: store.publish(write(store.stage("tj_2-1"), {"data": bytes(1024**2)}), "models/md_1/tj_2-1"),
    ]
    with s3.failing(seconds=60):
        for request, store in zip(requests, stores, strict=True):
            store._bucket._breaker = CircuitBreaker(60)
            began = time.monotonic()
            with pytest.raises(ArtifactsUnavailable, match="doesn't answer in time"):
                request(store)
            assert time.monotonic() - began < buckets.READ_SECONDS
            s3.requests.clear()
            with pytest.raises(ArtifactsUnavailable, match="doesn't answer in time"):
                request(store)
            assert s3.requests == []


def test_after_a_rest_one_request_finds_out_for_all() -> None:
    breaker = CircuitBreaker(0.1)
    assert breaker.find_failure() is None
    breaker.note_failure("away")
    assert breaker.find_failure() == "away"
    wait_until(lambda: breaker.find_failure() is None)
    assert breaker.find_failure() == "away"
    breaker.note_success()
    assert [breaker.find_failure() for _ in range(3)] == [None] * 3


@pytest.mark.parametrize(("status", "error"), [(403, BucketRefused), (400, ArtifactsUnavailable)])
def test_a_refused_request_says_nothing_about_the_others(
    s3: S3Server, in_s3: Callable[[], S3Store], status: int, error: type[Exception]
) -> None:
    store = in_s3()
    with s3.failing(status=status, times=1), pytest.raises(error):
        store.check()
    with pytest.raises(BucketRefused, match="doesn't exist"):
        Bucket("no-such-bucket").check()
    store.check()


def test_what_a_server_shows_only_later_is_found(
    s3: S3Server, in_s3: Callable[[], S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_store, "STALE_PAUSES", (0.2,) * 10)
    store, other, grown = in_s3(), in_s3(), "snapshots/tj_1/tj_1-1"
    with s3.failing(late_seconds=0.5):
        publish(store)
        store.publish(store.staged("tj_1-1"), KEY)  # again, as after a lost COMMIT
        assert FILES.items() <= read(other).items()
        with store.holding() as holding:
            folder = write(holding.grow(grown), {"layout.json": b"{}"})
            write_sums(folder)
            write(folder, {"1.weights": b"one"})
            holding.add_files(grown, ["1.weights"])
            assert (other.folder(grown, "1.weights") / "1.weights").read_bytes() == b"one"
        store.remove(KEY)
    assert not in_s3().folder(KEY).exists()


def test_a_bucket_that_refuses_or_does_not_exist_is_told(s3: S3Server, in_s3: Callable[[], S3Store]) -> None:
    store = in_s3()
    store.check()
    assert store.is_writable()
    missing = S3Store(Bucket("no-such-bucket"), store.root, CACHE_BYTES)
    for ask in (missing.check, lambda: missing.folder(KEY), lambda: missing.names("models"), lambda: publish(missing)):
        with pytest.raises(BucketRefused, match="doesn't exist"):
            ask()
    with s3.failing(status=403), pytest.raises(BucketRefused, match="refuses access: S3 answers AccessDenied"):
        store.folder(KEY)
    with s3.failing(status=403, methods=("PUT",)):
        assert store.is_writable()  # it has just written
        with pytest.raises(ArtifactsUnwritable, match="can't write to its S3 bucket: Permission denied"):
            publish(store)
        with pytest.raises(ArtifactsUnwritable):
            store.check()
        assert not store.is_writable()
        assert not in_s3().is_writable()
    assert store.is_writable()
    assert len(store._bucket.objects(".probe")) == 1  # for the cleanup


def test_a_download_has_a_url_of_its_own_if_clients_are_redirected(s3: S3Server, in_s3: Callable[[], S3Store]) -> None:
    store = in_s3()
    publish(store)
    assert store.url(KEY, "network.onnx", {}) is None
    redirecting = S3Store(store._bucket, store.root, CACHE_BYTES, redirects=True)
    headers = {"Content-Disposition": "attachment; filename=flowers.onnx", "Content-Type": "application/octet-stream"}
    url = redirecting.url(KEY, "network.onnx", headers)
    assert url is not None
    with urlopen(url) as response:
        assert response.read() == b"network"
        assert response.headers["Content-Disposition"] == headers["Content-Disposition"]
    assert "response-content-type=application%2Foctet-stream" in url  # which moto ignores


def test_a_hold_of_a_crashed_process_ends(
    s3: S3Server, in_s3: Callable[[], S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:

    store = in_s3()
    store._bucket.write(".hold/crashed", b"")
    assert store.removal_is_held()
    monkeypatch.setattr(s3_store, "LOST_HOLD_SECONDS", -1)
    assert not store.removal_is_held()
    store.remove_leftovers(LATER)
    assert store._bucket.objects(".hold") == {}


def wait_until(condition: Callable[[], bool]) -> None:
    reached = threading.Event()
    for _ in range(1000):
        if condition():
            return
        reached.wait(0.01)
    raise AssertionError("the condition stays false")
