"""Sections to one self-contained HTML page: style inside, nothing fetched, no script."""

from collections.abc import Iterable, Sequence

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
<p class="use">{use}</p>
</header>
<main>
{body}
</main>
<footer><p class="use">{use}</p></footer>
</body>
</html>
"""
# Pictures and style within the file are all that is allowed: a name that read like markup and
# slipped through unescaped could still load and run nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, body: Iterable[Markup], *, lead: str = "", style: str = "") -> str:
    """A whole page; title and lead are text, `style` is CSS of this page alone."""
    form = Markup(_PAGE)  # noqa: S704 - a constant, as the two below
    whole = form.format(
        title=title,
        lead=lead,
        use=RESEARCH_USE,
        policy=Markup(_POLICY),  # noqa: S704
        style=Markup(STYLE + style),  # noqa: S704
        body=Markup("\n").join(body),
    )
    return str(whole)


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
    """A table; the first cell of a row is its name, the others stand to the right."""
    return Markup(
        '<div class="wide"><table>\n<caption>{}</caption>\n<thead><tr>{}</tr></thead>\n'
        "<tbody>\n{}\n</tbody>\n</table></div>"
    ).format(
        caption,
        _each('<th scope="col">{}</th>', headers),
        Markup("\n").join(_row(row) for row in rows),
    )


def folded(summary: str, *parts: Markup) -> Markup:
    """What a click opens; it prints closed."""
    inside = Markup("\n").join(parts)
    return Markup("<details>\n<summary>{}</summary>\n{}\n</details>").format(summary, inside)


def figure(picture: Markup, caption: str | Markup) -> Markup:
    """A picture with its caption."""
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(picture, caption)


def side_by_side(figures: Iterable[Markup], *, kind: str = "figures") -> Markup:
    """Figures in as many columns as the window holds; kind: figures, or charts, which are wider."""
    return Markup('<div class="{}">{}</div>').format(kind, Markup("").join(figures))


def _row(cells: Sequence[object]) -> Markup:
    name, *rest = cells
    return Markup('<tr><th scope="row">{}</th>{}</tr>').format(name, _each("<td>{}</td>", rest))


def _each(form: str, texts: Iterable[object]) -> Markup:
    whole = Markup(form)  # noqa: S704 - constants of this file
    return Markup("").join(whole.format(text) for text in texts)


# Blue and orange of Okabe & Ito's palette: told apart under every kind of colour blindness, and by
# brightness in a grey print.
STYLE = """\
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --faint: #5a5a5a; --line: #ccc;
  --panel: #f4f4f4; --nerve: #0072b2; --empty: #e69f00; --mend: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --paper: #161616; --faint: #aaa;
  --line: #444; --panel: #242424; --nerve: #56b4e9; --empty: #e69f00; --mend: #e8894a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; max-width: 46rem; }
.use { font-weight: 600; background: var(--panel); border-left: .3rem solid var(--mend);
  padding: .4rem .8rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; color: var(--faint); padding-bottom: .25rem; }
th, td { padding: .2rem .75rem .2rem 0; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; font-weight: normal; }
th[scope=row], thead th:first-child { text-align: left; min-width: 6rem; }
thead th { font-weight: 600; }
figure { margin: 0; }
figcaption { color: var(--faint); font-size: .9rem; }
img, svg { max-width: 100%; height: auto; display: block; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
.figures { display: grid; gap: 1rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(14rem, 46%), 1fr)); }
.figures img { width: 100%; border: 1px solid var(--line); }
.charts { display: grid; gap: 1.5rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); }
.charts svg { width: 100%; }
summary { cursor: pointer; padding: .25rem 0; }
.mend { border-left: .3rem solid var(--mend); padding-left: .6rem; }
.know { border-left: .3rem solid var(--line); padding-left: .6rem; }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --faint: #333;
  --line: #999; --nerve: #0072b2; --empty: #e69f00; --mend: #d55e00; }
  body { max-width: none; padding: 0; font-size: 10pt; print-color-adjust: exact; }
  figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .figures { grid-template-columns: repeat(3, 1fr); }
  .charts { grid-template-columns: repeat(2, 1fr); } }
"""
