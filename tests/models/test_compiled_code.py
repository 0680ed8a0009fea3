"""Compiled code is kept between trainings: found again, bounded, and never used where it may be wrong."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf

from models.spec import NetworkSpec
from models.training import compiled_code
from models.training.compiled_code import FLAGS, CompiledCode

SPEC = NetworkSpec.from_document(
    {
        "task": "regression",
        "input": {"shape": [1]},
        "layers": [{"type": "Dense", "units": 1}],
        "optimizer": "sgd",
        "loss": "mean_squared_error",
    }
)
ENTRY = "entry__XLA_CPU_JIT.pb"


@pytest.fixture(autouse=True)
def flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FLAGS, "")


def compile_into(
    code: CompiledCode, scratch: Path, content: bytes | None = None, precision: str = "float32", *, anew: bool = False
) -> bytes:
    """What the training finds under the name of its entry; then it writes `content`, as TensorFlow would."""
    with code.used_for(SPEC, precision, 1, scratch, anew=anew):
        entry = Path(os.environ[FLAGS].rpartition("=")[2]) / ENTRY
        found = entry.read_bytes() if entry.exists() else b""
        if content is not None:
            entry.write_bytes(content)
        return found


def test_the_next_training_of_a_network_finds_the_code_and_leaves_nothing_in_its_own_folder(tmp_path: Path) -> None:
    code, scratch = CompiledCode(tmp_path / "compiled", 1000), tmp_path / "job"
    scratch.mkdir()
    assert compile_into(code, scratch, b"code") == b""
    assert compile_into(code, scratch) == b"code"
    assert compile_into(code, scratch, precision="bfloat16") == b""
    assert list(scratch.iterdir()) == []


def test_flags_of_the_operator_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FLAGS, "--tf_xla_auto_jit=0")
    with CompiledCode(tmp_path / "compiled", 1000).used_for(SPEC, "float32", 1, tmp_path):
        assert os.environ[FLAGS].startswith("--tf_xla_auto_jit=0 --tf_xla_persistent_cache_directory=")


def test_damaged_code_is_removed_and_not_used(tmp_path: Path) -> None:
    code = CompiledCode(tmp_path / "compiled", 1000)
    compile_into(code, tmp_path, b"code")
    (kept,) = (tmp_path / "compiled").rglob("*.pb")
    kept.write_bytes(b"cod")
    assert compile_into(code, tmp_path) == b""
    assert list((tmp_path / "compiled").rglob("*.pb")) == []


def test_code_of_another_machine_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = CompiledCode(tmp_path / "compiled", 1000)
    compile_into(code, tmp_path, b"code")
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu sse\nbogomips\t: 1\n")
    monkeypatch.setattr(compiled_code, "CPU_DESCRIPTION", tmp_path / "cpuinfo")
    assert compile_into(code, tmp_path) == b""
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu sse\nbogomips\t: 2\n")
    compile_into(code, tmp_path, b"other")
    assert compile_into(code, tmp_path) == b"other"


def test_code_that_other_flags_made_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = CompiledCode(tmp_path / "compiled", 1000)
    compile_into(code, tmp_path, b"code")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert compile_into(code, tmp_path) == b""


def test_code_with_which_tensorflow_failed_is_not_used_again(tmp_path: Path) -> None:
    code = CompiledCode(tmp_path / "compiled", 1000)
    compile_into(code, tmp_path, b"code")
    with pytest.raises(tf.errors.InternalError), code.used_for(SPEC, "float32", 1, tmp_path):
        raise tf.errors.InternalError(None, None, "The code can't be loaded.")
    assert compile_into(code, tmp_path) == b""


def test_code_with_which_a_process_crashed_is_replaced(tmp_path: Path) -> None:
    code = CompiledCode(tmp_path / "compiled", 1000)
    compile_into(code, tmp_path, b"bad")
    assert compile_into(code, tmp_path, b"good", anew=True) == b""
    assert compile_into(code, tmp_path) == b"good"


def test_a_full_disk_leaves_neither_parts_of_code_to_tensorflow_nor_files_behind(tmp_path: Path) -> None:
    code, content = CompiledCode(tmp_path / "compiled", 10**6), b"code" * 10_000
    compile_into(code, tmp_path, content)
    with largest_file(1000):
        with code.used_for(SPEC, "float32", 1, tmp_path):
            assert list(Path(os.environ[FLAGS].rpartition("=")[2]).iterdir()) == []
        with code.used_for(SPEC, "bfloat16", 1, tmp_path):
            large = next((tmp_path / "compiled").rglob("*.pb"))
            Path(os.environ[FLAGS].rpartition("=")[2], ENTRY).symlink_to(large)
    assert len([path for path in (tmp_path / "compiled").rglob("*") if path.is_file()]) == 1
    assert compile_into(code, tmp_path) == content


@contextlib.contextmanager
def largest_file(most_bytes: int) -> Iterator[None]:
    """Within the context, files can't have more bytes, as on a disk that is full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_the_code_of_networks_that_were_not_trained_for_the_longest_is_removed(tmp_path: Path) -> None:
    code = CompiledCode(tmp_path / "compiled", 250)
    for age, precision in enumerate(("first", "second", "third"), start=-10):
        compile_into(code, tmp_path, b"c" * 100, precision)
        newest = max((tmp_path / "compiled").iterdir(), key=lambda folder: folder.stat().st_mtime)
        os.utime(newest, (newest.stat().st_mtime + age,) * 2)
    assert [bool(compile_into(code, tmp_path, precision=name)) for name in ("first", "second", "third")] == [
        False,
        True,
        True,
    ]


def test_a_training_goes_on_where_the_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "compiled").write_text("a file")
    assert compile_into(CompiledCode(tmp_path / "compiled", 250), tmp_path, b"code") == b""


TRAIN = """
import os, sys
from pathlib import Path
from models.training.compiled_code import FLAGS, CompiledCode
from models.training.loop import train
from tests.models.test_compiled_code import SPEC
from tests.models.training_networks import Recorder, classifier, labelled_rows, plan
folder = Path(sys.argv[1])
with CompiledCode(folder / "compiled", 10**8).used_for(SPEC, "float32", 1, folder):
    own = Path(os.environ[FLAGS].rpartition("=")[2])
    found, recorder = {file.name: file.stat().st_ino for file in own.iterdir()}, Recorder()
    train(classifier(), labelled_rows(24), None, plan(2, execution="compiled"), recorder)
    written = [file.name for file in own.iterdir() if found.get(file.name) != file.stat().st_ino]
print(len(found), len(written), recorder.history("loss"))
"""


def test_tensorflow_uses_the_kept_code_and_makes_none(tmp_path: Path) -> None:
    def run() -> list[str]:
        command = [sys.executable, "-c", TRAIN, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split(maxsplit=2)

    found, written, losses = run()
    assert (found, written) == ("0", "1")
    assert run() == ["1", "0", losses]
