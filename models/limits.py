"""The bounds that keep one request from taking the machine: each has a default and a documented error."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Upper bounds on what a client may ask for."""

    layers: int = 500
    """Layers and cells, with those within others, and their copies for the steps of a sequence."""
    recurrent_steps: int = 20_000
    """Steps of sequences that recurrent layers take for a row, all together."""
    parameters: int = 50_000_000
    activations_per_row: int = 50_000_000
    """Numbers that one row makes in all layers' outputs together."""
    rows: int = 10_000_000
    epochs: int = 1_000_000
    batch_size: int = 1_000_000
    pixels: int = 50_000_000
    """Pixels of a picture."""
    total_pixels: int = 20_000_000_000
    """Pixels of all pictures in a ZIP together, as their files have them: what decoding them costs."""
    zip_entries: int = 500_000
    zip_ratio: int = 100
    """How many times larger a ZIP of pictures may become when it is unpacked."""
    dataset_bytes: int = 8 * 1024**3
    """Bytes of a dataset's arrays and pictures, unpacked."""
