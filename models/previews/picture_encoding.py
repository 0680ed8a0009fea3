"""Images of a dataset as small PNGs, which JSON and pages can carry."""

import base64
from dataclasses import dataclass
from typing import Self

import numpy as np

from models.dataset_descriptor import InputDescriptor
from models.files.pictures import CHANNELS, write_png

WHITE = 255


@dataclass(frozen=True)
class PictureEncoder:
    """Encodes the images of an input, all with the same brightness."""

    black: float
    """The number that is drawn black: the smallest of the input."""
    white: float
    most: int
    """The pixels on each side, at most; larger images are shrunk."""

    @classmethod
    def of(cls, entry: InputDescriptor, most: int) -> Self:
        """The encoder for an input, as a dataset's descriptor has it."""
        return cls(float(entry.min), float(entry.max), most)

    def encode(self, image: np.ndarray) -> str:
        """A PNG in Base64 of numbers (height, width) or (height, width, channels); of other than 1 or 3 channels, the
        first is drawn."""
        pixels = image if image.ndim == 3 else image[..., None]
        # Averaging is for the last halving: of an enormous image, every nth pixel is enough, and takes little memory.
        step = max(1, max(pixels.shape[:2]) // (2 * self.most))
        pixels = pixels[::step, ::step, :]
        if pixels.shape[-1] not in CHANNELS:
            pixels = pixels[..., :1]
        scaled = (pixels.astype(np.float64) - self.black) * (WHITE / ((self.white - self.black) or 1))
        content = write_png(np.nan_to_num(scaled).clip(0, WHITE).round().astype(np.uint8), self.most)
        return base64.b64encode(content).decode()

    def describe_changes(self, shape: tuple[int, ...]) -> list[str]:
        """What is changed in images of a shape (height, width) or (height, width, channels), in sentences."""
        height, width, *channels = shape
        notes = []
        if self.black < 0 or self.white > WHITE:
            notes.append(f"Black is {self.black:.3g} and white is {self.white:.3g}.")
        if channels and channels[0] not in CHANNELS:
            notes.append(f"The first of {channels[0]:,} channels is shown.")
        if max(height, width) > self.most:
            notes.append(f"Images of {width:,} × {height:,} pixels are shrunk to {self.most} at most.")
        return notes


def middle_frame(video: np.ndarray) -> np.ndarray:
    """The frame that stands for a video (frames, …)."""
    return video[len(video) // 2]


def describe_frames(frames: int) -> str:
    """That only the middle frame is shown."""
    return f"The middle one of {frames:,} frames is shown."
