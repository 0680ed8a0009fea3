"""The size of a picture with one plot."""


def measure_plot(width: int) -> int:
    """The height for a width: narrow pictures are about square, wide ones about half as high."""
    return min(640, max(round(0.55 * width) + 80, min(480, width + 80)))
