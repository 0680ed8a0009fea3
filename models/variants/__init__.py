"""Variants of a version: its network in a smaller and faster form, and how it compares with the version's.

`docs/variants.md` describes the method. ONNX Runtime is imported only when a function needs it: its threads would not
survive a fork.
"""
