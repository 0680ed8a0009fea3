"""The look of all pictures: two themes, a palette for colour-blind readers, and sizes of type in pixels.

The colours of the palette are those of Okabe and Ito, "Color Universal Design" (2008,
https://jfly.uni-koeln.de/color/), in an order that keeps neighbours apart and contrasts with the theme's background.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.colors import Colormap, LinearSegmentedColormap

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

TITLE, PANEL, LABEL, TICK = 16.0, 13.0, 12.0, 11.0
"""Sizes of the picture's title, of a panel's, of labels and texts, and of the numbers on axes; in pixels."""
SMALLEST = 9.0
"""No text is smaller."""
DASHES, DOTS = (0, (3, 2)), (0, (1, 1.5))
"""The patterns of lines that aren't solid, in multiples of the line's width."""
DOTS_PER_INCH = 72
"""Makes a typographic point a pixel, so that all sizes in matplotlib are pixels."""


@dataclass(frozen=True)
class Theme:
    """The colours of pictures on a light or a dark page, as `#RRGGBB`."""

    name: str
    background: str
    ink: str
    """Text and what is most important."""
    muted: str
    """Secondary text: subtitles, axes."""
    line: str
    """Grid lines and borders."""
    palette: tuple[str, ...]
    """The colours of series and classes, in order. Use `color(i)`."""
    good: str
    bad: str

    def color(self, index: int) -> str:
        """The colour of a series or class; colours repeat after the last one."""
        return self.palette[index % len(self.palette)]

    @property
    def sequential(self) -> Colormap:
        """From the background to the first colour, for amounts from nothing to much."""
        middle, end = ("#7FB8D8", "#004B76") if self.name == "light" else ("#1F6E9C", "#BFE3F7")
        return LinearSegmentedColormap.from_list("sequential", [self.background, middle, end])

    @property
    def diverging(self) -> Colormap:
        """From vermillion over the background to blue, for amounts on both sides of 0."""
        return LinearSegmentedColormap.from_list("diverging", [VERMILLION, self.background, self.palette[0]])


LIGHT = Theme(
    name="light",
    background="#FFFFFF",
    ink="#1B2129",
    muted="#5A6572",
    line="#E1E6EB",
    palette=(BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, "#7A5C00", "#4A4F57"),
    good="#00795A",
    bad="#B84A00",
)
DARK = Theme(
    name="dark",
    background="#14191F",
    ink="#E9EDF2",
    muted="#9DA9B5",
    line="#2C343D",
    palette=(SKY, ORANGE, "#2CC79B", "#DDA0C3", YELLOW, "#FF8A3D", "#5E9BFF", "#C4CBD3"),
    good="#2CC79B",
    bad="#FF8A3D",
)
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


@contextmanager
def look(theme: Theme) -> Iterator[None]:
    """Draw with our settings in the block, whatever matplotlib's files of settings say; the old ones return after it.

    matplotlib's settings belong to the process, so only one thread may draw.
    """
    with matplotlib.rc_context():
        settings: Any = matplotlib.rcParams
        settings.update(matplotlib.rcParamsDefault)
        settings.update(_parameters(theme))
        yield


def _parameters(theme: Theme) -> dict[str, Any]:
    return {
        "axes.axisbelow": True,
        "axes.edgecolor": theme.line,
        "axes.facecolor": theme.background,
        "axes.formatter.use_mathtext": False,
        "axes.grid": True,
        "axes.labelcolor": theme.muted,
        "axes.labelpad": 6,
        "axes.labelsize": LABEL,
        "axes.linewidth": 1.0,
        "axes.prop_cycle": cycler(color=theme.palette),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": theme.ink,
        "axes.titlelocation": "left",
        "axes.titlepad": 8,
        "axes.titlesize": PANEL,
        "axes.unicode_minus": True,
        "figure.dpi": DOTS_PER_INCH,
        "figure.facecolor": theme.background,
        "font.family": "DejaVu Sans",  # comes with matplotlib, so that pictures are the same everywhere
        "font.size": LABEL,
        "grid.color": theme.line,
        "grid.linewidth": 1.0,
        "image.interpolation": "nearest",
        "lines.linewidth": 2.0,
        "lines.markersize": 6.0,
        "lines.solid_capstyle": "round",
        "lines.solid_joinstyle": "round",
        "patch.linewidth": 0.0,
        "savefig.dpi": DOTS_PER_INCH,
        "savefig.facecolor": theme.background,
        "svg.fonttype": "path",  # text has the measured width in every browser
        "svg.hashsalt": "fitserve",
        "text.color": theme.ink,
        "text.parse_math": False,  # a column may be named "$x$"
        "xtick.color": theme.line,
        "xtick.labelcolor": theme.muted,
        "xtick.labelsize": TICK,
        "xtick.major.pad": 8,
        "xtick.major.size": 0,
        "xtick.minor.size": 0,
        "ytick.color": theme.line,
        "ytick.labelcolor": theme.muted,
        "ytick.labelsize": TICK,
        "ytick.major.pad": 6,
        "ytick.major.size": 0,
        "ytick.minor.size": 0,
    }
