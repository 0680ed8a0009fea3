"""The words that stand for something in a table's text: for what is missing, for true and false."""

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "?")
TRUE_FALSE = {"true": True, "false": False}
BOOLEANS = TRUE_FALSE | {"yes": True, "no": False, "y": True, "n": False, "t": True, "f": False, "1": True, "0": False}
"""What a column may hold, in any case, that the client says is boolean."""
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What doesn't count around a field: Unicode's White_Space, which Polars strips; str.strip takes some more."""
