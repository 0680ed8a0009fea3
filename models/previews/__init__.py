"""What a dataset looks like: some pictures, points or sequences of it, or the distributions of its columns.

A preview is a JSON object whose size doesn't depend on that of the dataset: what is drawn, how many there are, and in
`notes` what was left out or changed.
"""

from models.previews.preview import LARGEST_COUNT, make_preview

__all__ = ["LARGEST_COUNT", "make_preview"]
