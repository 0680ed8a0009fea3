"""The documents that pictures are drawn from."""
