"""The frames in which the drawing process and its parent speak: 4 bytes with a length, big-endian, and the content."""

from typing import IO

DRAWN, FAILED = b"\0", b"\1"
"""The first byte of an answer: the picture follows, or why there is none."""
LENGTH = 4


def read_frame(file: IO[bytes]) -> bytes | None:
    """The content of the next frame; None at the end of the file, and if it ends within a frame."""
    head = file.read(LENGTH)
    length = int.from_bytes(head, "big")
    content = file.read(length) if len(head) == LENGTH else None
    return content if content is not None and len(content) == length else None


def write_frame(file: IO[bytes], content: bytes) -> None:
    """Write a frame. Raises OSError if nobody reads it any more."""
    file.write(len(content).to_bytes(LENGTH, "big") + content)
    file.flush()
