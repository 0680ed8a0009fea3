"""The words that mean missing, true or false in a table's text."""

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "?")
LOOSE = (
    "-", "--", "\u2013", "\u2014", ".", "..", "None", "none", "NONE", "nil", "Nil", "NIL", "na", "Na", "n.a.", "N.A.",
    "missing", "Missing", "MISSING", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!",
    "#NULL!",
)  # fmt: skip
"""Words that also mean a missing value in columns of numbers, dates or booleans. In a column of text they may be the
name of a category."""
TRUE_FALSE = {"true": True, "false": False}
YES_NO = {
    "yes": True, "no": False, "ja": True, "nein": False, "nee": False, "oui": True, "non": False, "si": True,
    "sí": True, "sì": True, "sim": True, "não": False, "nao": False,
}  # fmt: skip
BOOLEANS = TRUE_FALSE | YES_NO | {"y": True, "n": False, "t": True, "f": False, "1": True, "0": False}
"""What a column may hold, in upper or lower case, if the client declares it boolean."""
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What is stripped from a field: Unicode's White_Space, as Polars strips it; str.strip removes a few more."""
