"""The frame of the soak run: a line a check with its figure, sorted, and as a table."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
HEAD = "| # | figure |\n| --- | --- |\n"
Say = Callable[[str, str], None]


class Figure(NamedTuple):
    """One line of the soak run: the number of the check, and what came out."""

    check: str
    text: str


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the figures go; a page that has the table already gets its last column filled in."""
    parser.addoption("--figures", metavar="FILE", help="a Markdown table of the soak run's figures")


def pytest_configure(config: pytest.Config) -> None:
    """One collector a session, which sees the reports of every worker."""
    config.pluginmanager.register(Figures(config), "soak-figures")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies in this folder is a soak test, whether its author said so or not."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.soak)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Say:
    """`figure("R7", "2,000 mutated files: 0 crashes")`: one line of the summary; call it last."""

    def say(check: str, text: str) -> None:
        assert re.fullmatch(r"R[1-9]\d?", check), f"{check} is no check: R1 to R34"
        request.node.user_properties.append(("figure", [check, text]))

    return say


@pytest.fixture
def session_of() -> Callable[[int], list[int]]:
    """`session_of(pid)`: the living processes of a session."""

    def living(pid: int) -> list[int]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
            except OSError:
                continue
            state, _, _, session, *_ = fields.split()
            if int(session) == pid and state != "Z":
                found.append(int(stat.parent.name))
        return found

    return living


class Figures:
    """Gathers the figures while the tests run, prints and writes them at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.figures: list[Figure] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test's figures once it has passed; that it failed or was skipped, where it has."""
        if report.when == "call" and report.passed:
            for name, value in report.user_properties:
                if name == "figure" and isinstance(value, list):
                    self.figures.append(Figure(*value))
        elif not report.passed and (number := re.search(r"test_r0*(\d+)_", report.nodeid)):
            test = report.nodeid.rpartition("::")[2]
            self.figures.append(Figure(f"R{number[1]}", f"{report.outcome.upper()}: {test}"))

    def lines(self) -> Iterator[Figure]:
        """One line a check, by number."""
        for check in sorted(
            {figure.check for figure in self.figures}, key=lambda name: int(name[1:])
        ):
            texts = dict.fromkeys(figure.text for figure in self.figures if figure.check == check)
            yield Figure(check, "; ".join(texts))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The lines, on the screen and in the file."""
        if not self.figures:
            return
        terminalreporter.section("figures of the soak run")
        for check, text in self.lines():
            terminalreporter.write_line(f"{check:<4} {text}")
        page = Path(self.config.getoption("figures", None) or self.config.rootpath / "runs/soak.md")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(fill(page, dict(self.lines())), encoding="utf-8")
        terminalreporter.write_line(f"written to {page}")


def fill(page: Path, figures: dict[str, str]) -> str:
    """The page with these figures in the last column of its table, other rows as they were."""
    told = {check: text.replace("|", "/").replace("\n", " ") for check, text in figures.items()}
    old = page.read_text(encoding="utf-8") if page.is_file() else HEAD
    if old.startswith(HEAD):
        rows = dict(re.findall(r"^\| (R\d+) \| (.*) \|$", old, flags=re.MULTILINE)) | told
        ordered = sorted(rows, key=lambda name: int(name[1:]))
        return HEAD + "".join(f"| {check} | {rows[check]} |\n" for check in ordered)

    def row(found: re.Match[str]) -> str:
        return f"{found[1]} {told.get(found[2], found[3])} |"

    return re.sub(r"^(\| (R\d+) \|(?:.*\|)?) ([^|\n]*) \|$", row, old, flags=re.MULTILINE)
