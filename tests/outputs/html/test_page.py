"""The page that the data page and the audit are: its tables, its one style sheet."""

import re
from pathlib import Path

from nerveceg.data.description import findings
from nerveceg.outputs import html
from nerveceg.outputs.html.page import page, style, table

HERE = Path(html.__file__).parent
SOURCES = (".py", ".html")


def test_columns_of_numbers_stand_to_the_right_and_words_to_the_left():
    rows = [("1_1", 1200, "-", "8-bit grey"), ("1_2", "1,300.5", "0.25", "12")]
    shown = str(table(("frame", "area", "Dice", "file"), rows, caption="c"))
    assert re.findall(r'scope="col" class="(\w*)"', shown) == ["", "n", "n", ""]
    assert re.findall(r'<td class="(\w*)">', shown) == ["n", "n", ""] * 2


def test_a_table_without_rows_still_has_its_headers():
    shown = table(("frame", "area"), [], caption="c")
    assert re.findall(r"<th [^>]*>(\w+)</th>", shown) == ["frame", "area"]


def test_every_class_of_the_style_sheet_is_one_that_a_page_has():
    rules = re.sub(r"/\*.*?\*/|\d*\.\d+", "", style())
    files = [path for path in HERE.rglob("*") if path.suffix in SOURCES]
    written = "".join(path.read_text() for path in [*files, Path(findings.__file__)])
    known = set(re.findall(r"[a-z]+", written))
    named = set(re.findall(r"\.([a-z]+)", rules))
    assert len(named) > 30
    assert named <= known


def test_the_style_sheet_is_in_the_page_itself():
    assert f"<style>\n{style()}</style>" in page("t", [])
