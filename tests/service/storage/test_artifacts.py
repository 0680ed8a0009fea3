import errno
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from service.errors import ArtifactsUnwritable
from service.storage.artifact_keys import (
    BadKey,
    check_published,
    checkpoint_key,
    checkpoints_key,
    datasets_key,
    execution_name,
    execution_of,
    key_below,
    parse,
    results_key,
    upload_key,
    versions_key,
)
from service.storage.folder_store import FolderStore

LEADING_ELSEWHERE = (
    "", "/", "models/..", "models/../..", "models/../../etc", "../models/md_1", "/etc/passwd", "models//md_1",
    "models/md_1/", "models/./md_1", "models/md_1\0", ".staging/ij_1-1", ".removed", "others/md_1", "Models/md_1",
)  # fmt: skip
NO_NAMES = ("", ".", "..", "../secret", "/etc/passwd", "a/b", "a\0b")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A store beside a file and a folder that are none of its own."""
    (tmp_path / "secret").write_text("not the store's")
    (tmp_path / "others").mkdir()
    return FolderStore(tmp_path / "artifacts")


def test_every_key_is_made_of_names_and_parsed_into_them_again() -> None:
    execution = execution_name("tj_1", 3)
    keys = {
        datasets_key("ds_1"): ("datasets", "ds_1"),
        key_below(versions_key("md_1"), execution): ("models", "md_1", "tj_1-3"),
        checkpoints_key("tj_1"): ("checkpoints", "tj_1"),
        checkpoint_key("tj_1", execution, "checkpoint-2"): ("checkpoints", "tj_1", "tj_1-3-checkpoint-2"),
        results_key("batch-predictions", "bp_1"): ("batch-predictions", "bp_1"),
        upload_key("ds_1"): ("uploads", "ds_1"),
    }
    assert {key: parse(key) for key in keys} == keys


def test_what_an_execution_published_tells_which_one_it_was() -> None:
    execution = execution_name("tj_1", 3)
    assert execution_of(key_below(versions_key("md_1"), execution)) == execution
    assert execution_of(checkpoint_key("tj_1", execution, "checkpoint-2")) == execution


MAKERS = [datasets_key, versions_key, checkpoints_key, upload_key, partial(results_key, "results")]


@pytest.mark.parametrize("name", [*NO_NAMES, None])
@pytest.mark.parametrize("make", MAKERS)
def test_no_key_is_made_of_what_is_no_name(make: Callable[[str | None], str], name: str | None) -> None:
    with pytest.raises(BadKey):
        make(name)


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_checkpoint_that_a_process_names_otherwise_has_no_key(name: str) -> None:
    with pytest.raises(BadKey):
        checkpoint_key("tj_1", "tj_1-1", name)


@pytest.mark.parametrize("key", LEADING_ELSEWHERE)
def test_a_key_that_leads_elsewhere_reaches_nothing(store: FolderStore, key: str) -> None:
    staged = store.stage("ij_1-1")
    asked: list[Callable[[], object]] = [
        lambda: store.folder(key),
        lambda: store.existing_file(key, "data"),
        lambda: store.names(key),
        lambda: store.published_before(0, key),
        lambda: store.publish(staged, key),
        lambda: store.link(key, store.root / "copy"),
        lambda: store.remove(key),
    ]
    for ask in asked:
        with pytest.raises(BadKey):
            ask()
    assert staged.is_dir()
    assert sorted(path.name for path in store.root.parent.iterdir()) == ["artifacts", "others", "secret"]


def test_a_key_that_symbolic_links_lead_elsewhere_reaches_nothing(store: FolderStore) -> None:
    victim = store.root.parent / "others"
    (victim / "tj_1-1").mkdir()
    (victim / "tj_1-1" / "data").write_text("not the store's")
    (store.root / "models").mkdir(parents=True)
    (store.root / "models" / "md_1").symlink_to(victim)
    (store.root / ".staging").symlink_to(victim)
    key = "models/md_1/tj_1-1"
    asked: list[Callable[[], object]] = [
        lambda: store.folder(key),
        lambda: store.existing_file(key, "data"),
        lambda: store.names("models/md_1"),
        lambda: store.link(key, store.root / "copy"),
        lambda: store.remove(key),
        lambda: store.stage("tj_1-1"),
        lambda: store.discard("tj_1-1"),
    ]
    for ask in asked:
        with pytest.raises(BadKey):
            ask()
    assert store.names("models") == []
    assert store.published_before(math.inf, "models") == []
    assert (victim / "tj_1-1" / "data").exists()


def test_a_symbolic_link_in_a_folder_is_neither_read_nor_copied(store: FolderStore, tmp_path: Path) -> None:
    key = key_below(versions_key("md_1"), execution_name("tj_1", 1))
    folder = store.stage("tj_1-1")
    (folder / "data").symlink_to(tmp_path / "secret")
    store.publish(folder, key)
    with pytest.raises(BadKey):
        store.existing_file(key, "data")
    assert store.link(key, tmp_path / "copy")
    assert (tmp_path / "copy" / "data").is_symlink()


def test_a_store_may_be_reached_through_a_symbolic_link(store: FolderStore, tmp_path: Path) -> None:
    store.root.mkdir()
    (tmp_path / "link").symlink_to(store.root)
    linked = FolderStore(tmp_path / "link")
    folder = linked.stage("ij_1-1")
    (folder / "data").write_bytes(b"rows")
    linked.publish(folder, datasets_key("ds_1"))
    assert store.existing_file(datasets_key("ds_1"), "data").read_bytes() == b"rows"


@pytest.mark.parametrize(
    "key",
    [
        "models", "models/md_1", "models/md_1/tj_1-1/onnx", "datasets/ds_1/ij_1-1", "models/m-1/tj_1-1",
        "models/md_1/tj 1", "models/md_1/..", "models/md_2/tj_1-1", "../models/md_1/tj_1-1",
    ],
)  # fmt: skip
def test_only_a_folder_that_an_execution_published_for_a_model_is_a_key_of_it(key: str) -> None:
    assert check_published("models/md_1/tj_1-1", "models", "md_1") == "models/md_1/tj_1-1"
    with pytest.raises(BadKey):
        check_published(key, "models", "md_1")


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_leads_elsewhere_reaches_nothing(store: FolderStore, name: str) -> None:
    store.publish(store.stage("ij_1-1"), datasets_key("ds_1"))
    asked: list[Callable[[], object]] = [
        lambda: store.existing_file(datasets_key("ds_1"), name),
        lambda: store.stage(name),
        lambda: store.staged(name),
        lambda: store.discard(name),
    ]
    for ask in asked:
        with pytest.raises(BadKey):
            ask()
    assert store.folder(datasets_key("ds_1")).is_dir()
    assert (store.root.parent / "secret").exists()


def test_files_are_read_under_the_key_that_they_were_published_under(store: FolderStore) -> None:
    key = key_below(datasets_key("ds_1"), execution_name("ij_1", 1))
    folder = store.stage("ij_1-1")
    (folder / "data").write_bytes(b"rows")
    store.publish(folder, key)
    assert store.existing_file(key, "data").read_bytes() == b"rows"
    assert store.names(datasets_key("ds_1")) == ["ij_1-1"]
    store.remove(key)
    assert store.names(datasets_key("ds_1")) == []


def test_a_missing_permission_to_write_is_told(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    staged = store.stage("ij_1-1")
    monkeypatch.setattr(Path, "mkdir", refuse)
    for write in (lambda: store.stage("ij_1-2"), lambda: store.publish(staged, datasets_key("ds_1"))):
        with pytest.raises(ArtifactsUnwritable, match=r"artifact folder: Permission denied\.$"):
            write()
