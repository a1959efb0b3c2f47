"""The data page: complete, without script or network, whatever the files are called."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.description import describe_frames
from nerveceg.data.frames import find_frames
from nerveceg.outputs.html.data_page import data_page
from nerveceg.outputs.notice import RESEARCH_USE

HOSTILE = "<img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br", "input"}


class Page(HTMLParser):
    """Elements with their attributes and the text outside of style; tags must close in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self._open = [], "", []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.text += data

    def of(self, *tags):
        return [attrs for tag, attrs in self.elements if tag in tags]


def is_offline(page):
    links = [
        value
        for _, attrs in page.elements
        for name, value in attrs.items()
        if name in ("src", "href", "srcset", "data", "action")
    ]
    handlers = [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    fetched = [link for link in links if not link.startswith("data:image/")]
    return not page.of("script", "link", "iframe", "object") and not handlers and not fetched


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Names that read like markup, 16 bits, colour, a wrecked file, a frame without truth."""
    folder = tmp_path_factory.mktemp("odd") / "<b>set"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (4, 40, 60), dtype=np.uint8)
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 10:30] = 255
    Image.fromarray(noise[0]).save(folder / f"{HOSTILE}.png")
    Image.fromarray(mask).save(folder / f"{HOSTILE}_mask.png")
    Image.fromarray(noise[1].astype(np.uint16) * 16).save(folder / "1_2.tif")
    Image.fromarray(np.stack([noise[2]] * 3, axis=-1)).save(folder / "1_3.bmp")
    (folder / f"{HOSTILE}2.png").write_bytes(b"wrecked")
    rows = ["image,subject,reader"]
    rows += [f"{name},{HOSTILE},{HOSTILE}" for name in (f"{HOSTILE}.png", "1_2.tif", "1_3.bmp")]
    rows.append(f"{HOSTILE}2.png,P2,R2")
    (folder / "frames.csv").write_text("\n".join(rows))
    return folder


def made(folder, **where):
    return data_page(
        describe_frames(find_frames(folder, **where), progress=False), name=folder.name
    )


def test_names_of_files_and_people_are_text_and_nothing_is_fetched(odd):
    text = made(odd, table=odd / "frames.csv")
    page = Page(text)
    assert is_offline(page)
    assert HOSTILE in page.text
    assert "<img src=x" not in text
    assert "default-src 'none'" in text
    assert all(picture["alt"] for picture in page.of("img"))
    assert all(drawing["aria-label"] for drawing in page.of("svg"))


def test_the_page_lists_what_it_is_for_and_what_cant_be_read(odd):
    text = Page(made(odd)).text
    assert RESEARCH_USE in text
    assert "1 file can't be read" in text
    assert "16-bit grey TIFF" in text
    assert "By reader" not in text
    assert "By reader" in Page(made(odd, table=odd / "frames.csv")).text


def test_nothing_but_wrecked_files_make_a_page_too(tmp_path):
    (tmp_path / "1_1.png").write_bytes(b"")
    assert "1 image can't be read" in Page(made(tmp_path)).text


def test_a_thousand_subjects_and_five_thousand_frames_stay_under_ten_megabytes(frames):
    description = describe_frames(frames[:2], progress=False)
    one = description.measured[0]
    many = [
        one._replace(frame=one.frame._replace(id=f"{place}", subject=f"{place % 1000}"))
        for place in range(5635)
    ]
    text = data_page(replace(description, measured=tuple(many)), name="many")
    assert "... and 501 more in data.json" in Page(text).text
    assert len(text) < 10_000_000


def test_areas_are_in_square_millimetres_too_where_the_spacing_is_known(odd):
    found = describe_frames(find_frames(odd), progress=False)
    assert "mm²" not in Page(data_page(found, name="odd")).text
    assert "area, mm²50.0" in Page(data_page(found, name="odd", spacing_mm=0.5)).text
