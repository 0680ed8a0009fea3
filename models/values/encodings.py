"""The supported text encodings."""

import codecs

ENCODINGS = (
    "utf-8", "ascii", "utf-16", "utf-16-le", "utf-16-be", "iso8859-1", "iso8859-2", "iso8859-3", "iso8859-4",
    "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-9", "iso8859-10", "iso8859-13", "iso8859-14",
    "iso8859-15", "iso8859-16", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp1258", "cp437", "cp850", "cp852", "cp866", "koi8-r", "koi8-u", "mac-roman", "shift_jis", "cp932", "euc_jp",
    "gb2312", "gbk", "gb18030", "big5", "euc_kr", "cp949", "tis-620",
)  # fmt: skip
"""Python's names for them; aliases such as latin-1 are accepted too."""
KNOWN = {codecs.lookup(name).name: name for name in ENCODINGS} | {"utf-8-sig": "utf-8"}


def find_codec(name: str) -> str | None:
    """The encoding in ENCODINGS with this name or alias; None if it is unsupported."""
    try:
        return KNOWN.get(codecs.lookup(name).name)
    except (LookupError, ValueError):
        return None
