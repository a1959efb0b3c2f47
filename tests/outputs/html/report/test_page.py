import dataclasses
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from nerveceg.errors import DataError
from nerveceg.evaluation.report import make_report
from nerveceg.outputs.html.report import Run, make_page, read_report, write_page
from nerveceg.outputs.notice import RESEARCH_USE

VOID = {"meta", "link", "img", "br", "hr", "input"}
EVIL = '<img src=x onerror="alert(1)">'


class Reader(HTMLParser):
    """Opens and closes tags as a strict reader would, and notes what a browser would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.unlabelled = 0
        self.handlers: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.tags.append(tag)
        self.handlers += [name for name in named if name.startswith("on")]
        self.ids += [named["id"]] if "id" in named else []
        self.loads += [named[name] for name in ("src", "data", "srcset", "action") if name in named]
        if "href" in named:
            (self.links if tag == "a" else self.loads).append(named["href"])
        self.unlabelled += tag == "svg" and not named.get("aria-label")
        self.unlabelled += tag == "img" and not named.get("alt")
        self.unlabelled += tag == "th" and named.get("scope") not in ("col", "row")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(results, saved):
    return make_page(saved(results, run="demo", data="phantom", split="subject, fold 0 of 5"))


def test_the_page_is_well_formed_and_every_figure_has_words(page):
    read = Reader(page)
    assert read.open == []
    assert read.unlabelled == 0
    assert len(read.ids) == len(set(read.ids))
    assert {link.removeprefix("#") for link in read.links} <= set(read.ids)
    assert read.tags.count("h1") == 1
    assert read.tags.count("svg") >= 8
    assert not re.search(r"\b(nan|None|inf)\b", re.sub(r"<[^>]*>", " ", page))


def test_the_page_loads_nothing_and_runs_nothing(page):
    read = Reader(page)
    assert all(address.startswith("data:image/") for address in read.loads)
    assert not {"script", "link", "iframe", "object", "embed"} & set(read.tags)
    assert read.handlers == []
    assert "@import" not in page
    assert all(inside.startswith("#") for inside in re.findall(r"url\(([^)]*)\)", page))
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_the_score_stands_beside_its_baselines_and_the_line_above_everything(page, results):
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert text.index(RESEARCH_USE) < text.index(
        f"{results.dice().mean():.3f} Dice over all 300 frames"
    )
    assert f"Drawing nothing at all scores {1 - results.nerve.mean():.3f}" in text
    assert text.rstrip().endswith(RESEARCH_USE)
    assert "Split by subject, fold 0 of 5" in text


def test_names_from_outside_are_text_and_nothing_else(results, saved):
    hostile = dataclasses.replace(
        results,
        ids=np.array([f"{EVIL}{name}" for name in results.ids]),
        subjects=np.array([f"{EVIL}{name}" for name in results.subjects]),
        groups={EVIL: np.array([f"</td>{EVIL}"] * len(results))},
    )
    facts = dict.fromkeys(("run", "data", "split", "nerveceg"), f"</title><script>{EVIL}")
    pair = dict.fromkeys(("subject", "first", "second", "kind", "ncc"), EVIL)
    log = [{"epoch": 1, "loss": 0.5, EVIL: 0.5}]
    run = Run(
        logs={"seg": {EVIL: log}},
        configuration=f"a: </pre>{EVIL}",
        networks=(EVIL,),
        conflicts=(pair,),
        conflicts_found=1,
        pairs=1,
    )
    page = make_page(saved(hostile, **facts), run=run)
    read = Reader(page)
    assert read.open == []
    assert not {"img", "script"} & set(read.tags)
    assert read.handlers == []
    assert "&lt;img src=x onerror=" in page


def test_a_page_of_5635_frames_stays_under_10_mb(make, saved):
    large = make(5635, subjects=47)
    assert len(make_page(saved(large)).encode()) < 2_000_000


@pytest.mark.parametrize("kind", ["nerve", "no nerve", "one frame", "unknown presence"])
def test_sets_with_undefined_figures_have_a_page(make, saved, kind):
    results = make(1 if kind == "one frame" else 12, subjects=1)
    if kind == "nerve":
        results.truth_area[:] = 4000
    elif kind == "no nerve":
        results.truth_area[:] = 0
        results.mask.hits[:] = 0
    elif kind == "unknown presence":
        results.expected[:] = np.nan
        results.spread[:] = np.nan
    page = make_page(saved(results))
    assert Reader(page).open == []
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"<[^>]*>", " ", page))


def test_a_saved_report_makes_the_page_that_the_evaluation_made(results, tmp_path):
    report = make_report(results, resamples=50, facts={"run": "demo"})
    report.save(tmp_path)
    saved = read_report(tmp_path)
    assert saved.figures == report.to_dict()
    write_page(tmp_path, make_page(saved))
    again = make_page(saved._replace(figures=report.to_dict(), results=report.results))
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == again


def test_a_report_that_is_missing_or_of_other_frames_is_refused(results, make, tmp_path):
    make_report(results, resamples=50).save(tmp_path)
    (tmp_path / "report.json").unlink()
    with pytest.raises(DataError, match=r"report\.json is no whole report .*evaluate\.py"):
        read_report(tmp_path)
    make_report(results, resamples=50).save(tmp_path)
    other = make_report(make(20, subjects=4), resamples=50)
    (tmp_path / "report.json").write_text(other.to_json())
    with pytest.raises(DataError, match="of 20 frames, frames.csv beside it of 300"):
        read_report(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium isn't installed")
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window_of_a_browser(page, tmp_path, width):
    write_page(tmp_path, page)
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<iframe src="report.html" style="width:{width}px;height:900px;border:0" onload="document'
        ".title='wide '+this.contentDocument.documentElement.scrollWidth\"></iframe>"
    )
    flags = ("--headless", "--no-sandbox", "--hide-scrollbars", "--allow-file-access-from-files")
    command = ["chromium", *flags, "--dump-dom", outer.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert f"<title>wide {width}</title>" in shown.stdout
