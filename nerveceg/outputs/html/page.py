"""Sections to one self-contained HTML page: style inside, nothing fetched, no script."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

from markupsafe import Markup

from nerveceg.outputs.notice import RESEARCH_USE

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>{lead}</p>
<p class="notice">{notice}</p>
</header>
<main>
{body}
</main>
<footer><p class="notice">{notice}</p></footer>
</body>
</html>
"""
# Pictures and style within the file are all that is allowed: a name that read like markup and
# slipped through unescaped could still load and run nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_NUMBER = re.compile(r"[-\d.,]+")


def page(title: str, body: Iterable[Markup], *, lead: str = "") -> str:
    """A whole page; title and lead are text."""
    form = Markup(_PAGE)  # noqa: S704 - a constant, as the one below
    whole = form.format(
        title=title,
        lead=lead,
        notice=RESEARCH_USE,
        policy=Markup(_POLICY),  # noqa: S704 - a constant
        style=style(),
        body=Markup("\n").join(body),
    )
    return str(whole)


@cache
def style() -> Markup:
    """The style sheet of every page: light, dark, narrow and printed."""
    sheet = resources.files("nerveceg.outputs.html").joinpath("style.css")
    return Markup(sheet.read_text(encoding="utf-8"))  # noqa: S704 - CSS of our own file


def section(title: str, *parts: Markup) -> Markup:
    """A part of the page under a heading."""
    inside = Markup("\n").join(parts)
    return Markup("<section>\n<h2>{}</h2>\n{}\n</section>").format(title, inside)


def paragraph(text: str, *, kind: str = "") -> Markup:
    """A paragraph; kind: a class of the style."""
    return Markup('<p class="{}">{}</p>').format(kind, text)


def listing(lines: Iterable[str | Markup]) -> Markup:
    """A bulleted list."""
    return Markup("<ul>{}</ul>").format(_each("<li>{}</li>", lines))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str) -> Markup:
    """A table; the first cell of a row is its name, columns of numbers stand to the right."""
    listed = [tuple(row) for row in rows]
    kinds = ["", *(_kind(row[place] for row in listed) for place in range(1, len(headers)))]
    top = Markup('<th scope="col" class="{}">{}</th>')
    return Markup(
        '<div class="scroll"><table>\n<caption>{}</caption>\n<thead><tr>{}</tr></thead>\n'
        "<tbody>\n{}\n</tbody>\n</table></div>"
    ).format(
        caption,
        Markup("").join(map(top.format, kinds, headers)),
        Markup("\n").join(_row(row, kinds) for row in listed),
    )


def folded(summary: str, *parts: Markup) -> Markup:
    """What a click opens; it prints closed."""
    inside = Markup("\n").join(parts)
    return Markup("<details>\n<summary>{}</summary>\n{}\n</details>").format(summary, inside)


def figure(picture: Markup, caption: str | Markup, *, kind: str = "") -> Markup:
    """A picture with its caption; kind: wide, for a drawing that a phone scrolls sideways."""
    form = Markup('<figure class="{}">{}<figcaption>{}</figcaption></figure>')
    return form.format(kind, picture, caption)


def side_by_side(figures: Iterable[Markup]) -> Markup:
    """Figures in as many columns as the window holds."""
    return Markup('<div class="figures">{}</div>').format(Markup("").join(figures))


def _row(cells: Sequence[object], kinds: Sequence[str]) -> Markup:
    name, *rest = cells
    others = Markup("").join(map(Markup('<td class="{}">{}</td>').format, kinds[1:], rest))
    return Markup('<tr><th scope="row">{}</th>{}</tr>').format(name, others)


def _kind(column: Iterable[object]) -> str:
    return "n" if all(_NUMBER.fullmatch(str(cell)) for cell in column) else ""


def _each(form: str, texts: Iterable[object]) -> Markup:
    whole = Markup(form)  # noqa: S704 - constants of this file
    return Markup("").join(whole.format(text) for text in texts)
