"""The words that stand for something in a table's text: for what is missing, for true and false."""

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "?")
LOOSE = (
    "-", "--", ".", "None", "none", "NONE", "nil", "Nil", "NIL", "na", "Na", "missing", "Missing", "MISSING",
)  # fmt: skip
"""Words that stand for what is missing too where the other values are numbers, dates, or true and false. Among texts
they may be a category's name."""
TRUE_FALSE = {"true": True, "false": False}
YES_NO = {
    "yes": True, "no": False, "ja": True, "nein": False, "nee": False, "oui": True, "non": False, "si": True,
    "sí": True, "sì": True, "sim": True, "não": False, "nao": False,
}  # fmt: skip
BOOLEANS = TRUE_FALSE | YES_NO | {"y": True, "n": False, "t": True, "f": False, "1": True, "0": False}
"""What a column may hold, in any case, that the client says is boolean."""
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What doesn't count around a field: Unicode's White_Space, which Polars strips; str.strip takes some more."""
