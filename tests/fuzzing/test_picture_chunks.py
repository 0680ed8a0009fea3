"""The fuzzers' pictures: nothing but what they edit is wrong in the files that they send."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from models.files.pictures import FORMATS, read_picture
from tests.fuzzing.picture_chunks import read_chunks, write_chunks
from tests.fuzzing.pictures import files

MOST_PIXELS = 1000


@pytest.mark.parametrize("number", range(len(files())))
def test_a_file_that_is_taken_apart_and_put_together_shows_the_same(number: int) -> None:
    file = files()[number]
    again = write_chunks(file, read_chunks(file))
    assert np.array_equal(read_picture(again, MOST_PIXELS).pixels, read_picture(file, MOST_PIXELS).pixels)


def test_every_format_that_can_be_imported_is_drawn() -> None:
    assert {Image.open(BytesIO(file)).format for file in files()} == set(FORMATS)
