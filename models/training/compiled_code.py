"""Keeps the machine code that XLA compiles for a network, so that the next training of it starts at full speed.

TensorFlow reads and writes such code in a folder that it takes from TF_XLA_FLAGS, and believes what it finds there: a
damaged file fails the training, and code of another processor ends the process. So each training has a folder of its
own, with copies of files whose digests, in their names, are right, and that were made on a machine like this one. If
such code ends the process nevertheless, the job's next attempt removes it.
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from models.spec import NetworkSpec

FLAGS, COMPILER_FLAGS = "TF_XLA_FLAGS", "XLA_FLAGS"
CPU_DESCRIPTION = Path("/proc/cpuinfo")
OF_THE_PROCESSOR = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU part")
"""What determines which machine code XLA makes, in Linux's words on x86 and ARM."""
ENTRIES = "*.pb"


@dataclass(frozen=True)
class CompiledCode:
    """The folder in which the code of all networks is kept, and the bytes that it may have."""

    folder: Path
    most_bytes: int

    @contextlib.contextmanager
    def used_for(
        self, spec: NetworkSpec, precision: str, threads: int, scratch: Path, *, anew: bool = False
    ) -> Iterator[None]:
        """Within the context, code that was kept for the network is used, and afterwards new code is kept. With `anew`,
        the kept code is removed instead: a process that used it has crashed.

        Call it once in a process, before TensorFlow's configuration is read: that reads the flags, which happens only
        once. The code divides loops among the `threads`. `scratch` is a folder for the process's own copies.
        """
        determining = [_describe_machine(), spec.to_document(), precision, threads]
        kept = self.folder / _digest(json.dumps(determining, sort_keys=True))
        if anew:
            shutil.rmtree(kept, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=scratch, prefix=".compiled-") as own:
            known = {_copy_sound(file, Path(own)) for file in kept.glob(ENTRIES)}
            given = os.environ.get(FLAGS, "")
            os.environ[FLAGS] = f"{given} --tf_xla_persistent_cache_directory={own}".strip()
            try:
                yield
            except tf.errors.OpError:  # the code may be why, and would fail each training of the network
                shutil.rmtree(kept, ignore_errors=True)
                raise
            finally:
                os.environ[FLAGS] = given
            with contextlib.suppress(OSError):  # only the next training would be slower
                self._keep(kept, [file for file in Path(own).glob(ENTRIES) if file.name not in known])

    def _keep(self, kept: Path, new: list[Path]) -> None:
        if new or kept.exists():
            kept.mkdir(parents=True, exist_ok=True)
            os.utime(kept)
        try:
            for file in new:
                _write_whole(kept, file.name, file.read_bytes())
        finally:
            self._remove_oldest()

    def _remove_oldest(self) -> None:
        """Remove the code that was used the longest ago, until the rest has at most `most_bytes`."""
        left = self.most_bytes
        for network in sorted(self.folder.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True):
            left -= sum(file.stat().st_size for file in network.iterdir())
            if left < 0:
                shutil.rmtree(network, ignore_errors=True)


def _write_whole(kept: Path, name: str, content: bytes) -> None:
    """Write a file whose name has the digest of its content, or leave nothing. Raises OSError."""
    with tempfile.NamedTemporaryFile(dir=kept, delete=False) as written:
        try:
            written.write(content)
            written.flush()
            os.replace(written.name, kept / f"{_digest(content)}-{name}")
        except OSError:
            os.unlink(written.name)
            raise


def _copy_sound(kept: Path, folder: Path) -> str:
    """Copy a kept file under TensorFlow's name for it, unless it is damaged, and return that name."""
    digest, _, name = kept.name.partition("-")
    with contextlib.suppress(OSError):  # another training may be removing it
        content = kept.read_bytes()
        if _digest(content) != digest:
            kept.unlink()
            return ""
        try:
            (folder / name).write_bytes(content)
        except OSError:  # a part of it would fail the training
            (folder / name).unlink(missing_ok=True)
            raise
        return name
    return ""


def _describe_machine() -> list[str]:
    """What the code depends on besides the network: the compiler's version and flags, and the processor's kind."""
    compiler = [tf.__version__, keras.__version__, *(os.environ.get(name, "") for name in (FLAGS, COMPILER_FLAGS))]
    described = {line for line in _read_lines(CPU_DESCRIPTION) if line.partition("\t")[0].strip() in OF_THE_PROCESSOR}
    return [*compiler, platform.machine(), platform.processor(), *sorted(described)]


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:  # only Linux has it
        return []


def _digest(content: bytes | str) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
