"""Pictures within a page: what is in them is what was given."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from nerveceg.outputs.html.pictures import data_uri, embedded


def opened(address):
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


@pytest.mark.parametrize(("mode", "level"), [("L", 77), ("RGB", (77, 78, 79))])
@pytest.mark.parametrize(("kind", "off"), [("jpeg", 1), ("png", 0)])
def test_a_data_address_holds_the_picture(mode, level, kind, off):
    address = data_uri(Image.new(mode, (50, 40), level), kind=kind)
    assert address.startswith(f"data:image/{kind};base64,")
    with opened(address) as back:
        assert (back.mode, back.size) == (mode, (50, 40))
        assert np.abs(np.asarray(back, np.int64) - level).max() <= off


def test_a_picture_states_its_size_and_its_words_are_text():
    shown = embedded(Image.new("L", (5, 4)), alt='"><script>', kind="png")
    assert "<script>" not in shown
    assert shown.endswith('width="5" height="4">')
