from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from service.storage.artifact_keys import (
    BadKey,
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
from service.storage.artifacts import ArtifactStore

LEADING_ELSEWHERE = (
    "", "/", "models/..", "models/../..", "models/../../etc", "../models/md_1", "/etc/passwd", "models//md_1",
    "models/md_1/", "models/./md_1", "models/md_1\0", ".staging/ij_1-1", ".removed", "others/md_1", "Models/md_1",
)  # fmt: skip
NO_NAMES = ("", ".", "..", "../secret", "/etc/passwd", "a/b", "a\0b")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A store beside a file and a folder that are none of its own."""
    (tmp_path / "secret").write_text("not the store's")
    (tmp_path / "others").mkdir()
    return ArtifactStore(tmp_path / "artifacts")


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
def test_a_key_that_leads_elsewhere_reaches_nothing(store: ArtifactStore, key: str) -> None:
    staged = store.stage("ij_1-1")
    asked: list[Callable[[], object]] = [
        lambda: store.folder(key),
        lambda: store.existing_folder(key),
        lambda: store.existing_file(key, "data"),
        lambda: store.read(key, "data"),
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


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_leads_elsewhere_reaches_nothing(store: ArtifactStore, name: str) -> None:
    store.publish(store.stage("ij_1-1"), datasets_key("ds_1"))
    asked: list[Callable[[], object]] = [
        lambda: store.existing_file(datasets_key("ds_1"), name),
        lambda: store.read(datasets_key("ds_1"), name),
        lambda: store.stage(name),
        lambda: store.staged(name),
        lambda: store.discard(name),
    ]
    for ask in asked:
        with pytest.raises(BadKey):
            ask()
    assert store.existing_folder(datasets_key("ds_1")).is_dir()
    assert (store.root.parent / "secret").exists()


def test_files_are_read_under_the_key_that_they_were_published_under(store: ArtifactStore) -> None:
    key = key_below(datasets_key("ds_1"), execution_name("ij_1", 1))
    folder = store.stage("ij_1-1")
    (folder / "data").write_bytes(b"rows")
    store.publish(folder, key)
    assert store.read(key, "data") == b"rows"
    assert store.names(datasets_key("ds_1")) == ["ij_1-1"]
    store.remove(key)
    assert store.names(datasets_key("ds_1")) == []
