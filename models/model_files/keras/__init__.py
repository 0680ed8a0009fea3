"""Reads networks that Keras saved, as `.keras` or as legacy HDF5, without Keras's loader.

Keras's loader creates whatever objects a file names, which has let files run code (CVE-2025-1550, CVE-2025-9905,
CVE-2025-9906). Here a file is data: its configuration names entries of the catalogue or is refused, and its weights are
plain arrays.
"""

from models.model_files.keras.importing import import_keras

__all__ = ["import_keras"]
