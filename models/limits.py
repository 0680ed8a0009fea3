"""The limits that keep one request from exhausting the machine: each has a default and a documented error."""

from dataclasses import dataclass

FREE_PIXELS = 4 * 1024**2
"""An image of at most this size costs little, however few bytes it has."""
FREE_BYTES = 16 * 1024**2
"""A file that unpacks to at most this size costs little, however small it is."""


@dataclass(frozen=True)
class Limits:
    """Upper limits on requests."""

    layers: int = 500
    """Layers and cells, including nested ones and their copies for the steps of a sequence."""
    recurrent_steps: int = 20_000
    """The total number of time steps of all recurrent layers for one row."""
    parameters: int = 50_000_000
    activations_per_row: int = 50_000_000
    """The total size of all layers' outputs for one row."""
    rows: int = 10_000_000
    epochs: int = 1_000_000
    batch_size: int = 1_000_000
    hosts: int = 8
    """Workers on which a training runs."""
    pixels: int = 50_000_000
    """Pixels of an image."""
    total_pixels: int = 20_000_000_000
    """Pixels of all images in a ZIP at their original size, which determines the cost of decoding."""
    zip_entries: int = 500_000
    pixel_ratio: int = 1000
    """Pixels of an image for each byte of its file, in addition to FREE_PIXELS."""
    zip_ratio: int = 100
    """The maximum ratio of the unpacked size of a ZIP or NPZ of more than FREE_BYTES to its own size."""
    dataset_bytes: int = 8 * 1024**3
    """Bytes of a dataset's tables, arrays and images, unpacked."""
    row_bytes: int = 256 * 1024**2
    """Bytes of a row of an array in an NPZ file: at least one row is in memory at a time."""
    target_bytes: int = 512 * 1024**2
    """Bytes of all targets of an NPZ file, which are in memory: numbers with 8 bytes each, text in NumPy's form."""
    body_values: int = 1_000_000
    """Values of a JSON body or cells of a CSV body that become Python objects: numbers, texts, lists, objects."""
    prediction_numbers: int = 8_000_000
    """Numbers in the network's inputs and outputs for all rows of a prediction."""
    prediction_pixels: int = 8_300_000
    """Pixels of an image that are decoded for a prediction."""
    jpeg_scans: int = 50
    """Scans of a progressive JPEG, each of which visits all pixels."""
    answer_bytes: int = 64 * 1024**2
    """Size of a prediction's response, before it is compressed."""
