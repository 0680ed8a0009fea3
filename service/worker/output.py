"""The output of a child process, recorded up to a limit."""

import codecs

TAIL_CHARACTERS = 1000


class PrintedOutput:
    """Decodes output until the job has printed more than `limit` bytes, then adds a line that says so."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._truncated = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._tail_decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.tail = ""
        """The last characters printed, including those beyond the limit."""

    def decode(self, printed: bytes) -> str:
        """The text of `printed` that is within the limit. It may be empty."""
        self.tail = (self.tail + self._tail_decoder.decode(printed))[-TAIL_CHARACTERS:]
        kept = printed[: self._left]
        self._left -= len(kept)
        if len(kept) == len(printed) or self._truncated:
            return self._decoder.decode(kept)
        self._truncated = True
        notice = f"\n[truncated: the job printed more than {self._limit} bytes]\n"
        return self._decoder.decode(kept, final=True) + notice
