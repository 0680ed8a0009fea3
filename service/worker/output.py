"""What a job's process prints: kept up to a limit."""

import codecs

TAIL_CHARACTERS = 1000


class PrintedOutput:
    """Turns what is printed into text, until the job has printed more than `limit` bytes; then a line says so."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._cut = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._tail_decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.tail = ""
        """The last characters printed, those beyond the limit included."""

    def take(self, printed: bytes) -> str:
        """The text of `printed` that is to be kept, which may be none."""
        self.tail = (self.tail + self._tail_decoder.decode(printed))[-TAIL_CHARACTERS:]
        kept = printed[: self._left]
        self._left -= len(kept)
        if len(kept) == len(printed) or self._cut:
            return self._decoder.decode(kept)
        self._cut = True
        return self._decoder.decode(kept, final=True) + f"\n[cut here: more than {self._limit} bytes were printed]\n"
