"""An answer as the page shows it: pictures, told in words too, the decision and its figures."""

from html import escape

from PIL import Image

from nerveceg.explanation import Explanation
from nerveceg.outputs.app.service import Answer, Seen
from nerveceg.outputs.app.uploads import Upload
from nerveceg.outputs.explain import blend
from nerveceg.outputs.html.pictures import embedded
from nerveceg.outputs.overlays import Grey, draw_overlay

UNCALIBRATED = (
    "This run is not calibrated: read presence and expected Dice as scores, not as probabilities. "
    "Train every fold, then python tools/evaluate.py calibrates on out-of-fold predictions."
)
WORDS = (
    "This file states no ultrasound region: words may be burned into its picture, such as a name. "
    "Look before you pass it on."
)
EMPTY = '<p class="hint">Drop a file or take an example: its picture appears here.</p>'


def picture_html(seen: Seen, answer: Answer, heat: Explanation | None) -> str:
    """The frame with its contour, and beside it where the networks look."""
    height, width = seen.image.shape
    overlay = draw_overlay(seen.image, answer.mask, None, caption="")
    told = "with the contour of the mask" if answer.drawn else "no mask is drawn"
    figures = [
        _figure(overlay.crop((0, 0, width, height)), f"Ultrasound frame, {told}", _key(answer))
    ]
    if heat is not None:
        figures += _heat_figures(seen.image, heat)
    return f'<div class="figures">{"".join(figures)}</div>'


def answer_html(
    answer: Answer, upload: Upload, *, place: int, calibrated: bool, smoothed: bool
) -> str:
    """The decision, its reason and its figures, of picture `place` of a file, counted from 0."""
    count = len(upload.pictures)
    where = f", picture {place + 1} of {count}" if count > 1 else ""
    kind = "calibrated probability" if calibrated else "score, not calibrated"
    percent = f"{100 * answer.presence:.1f}"
    rows = [
        ("Presence", f"{percent} % <small>{kind}{', smoothed over the clip' * smoothed}</small>"),
        ("Expected Dice", f"{answer.expected:.2f} <small>{_expected_words(answer)}</small>"),
        ("Mask", f"{int(answer.mask.sum()):,} pixels"),
    ]
    if answer.spread:
        rows.insert(1, ("Spread", f"{answer.spread:.2f} <small>over networks and views</small>"))
    listed = "".join(f"<div><dt>{term}</dt><dd>{value}</dd></div>" for term, value in rows)
    notes = [_note("A human should look at this frame.")] * answer.refer
    notes += [_note(WORDS)] * upload.words
    decision, _, because = answer.why.partition(": ")
    return (
        f'<section role="status" class="answer {"drawn" if answer.drawn else "empty"}">'
        f"<p class=name>{escape(upload.name)}{where}</p>"
        f"<h2>{decision}</h2>"
        f'<p class="why">{escape(because[:1].upper() + because[1:])}</p>{"".join(notes)}'
        f'<div class="meter" role="meter" aria-label="Presence" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
        f"<dl>{listed}</dl></section>"
    )


def complaint_html(line: str) -> str:
    """One sentence on what went wrong, read out by screen readers; line: maybe a stranger's."""
    return f'<p class="complaint" role="alert">{escape(line)}</p>' if line else ""


def _note(line: str) -> str:
    return f'<p class="refer">{line}</p>'


def _expected_words(answer: Answer) -> str:
    return "of this answer, a mask" if answer.drawn else "of this answer, none"


def _key(answer: Answer) -> str:
    if not answer.drawn:
        return "No mask is drawn."
    return '<span class="swatch" aria-hidden="true"></span> contour of the mask'


def _heat_figures(image: Grey, heat: Explanation) -> list[str]:
    figures = []
    for name, values in (("gate", heat.gate), ("segmenter", heat.segmenter)):
        if values is not None:
            told = f"Where the {name} looks"
            picture = Image.fromarray(blend(image, values))
            caption = f"{told}; yellow: most"
            figures.append(_figure(picture, f"{told}, as a heat map over the frame", caption))
    return figures


def _figure(picture: Image.Image, description: str, caption: str) -> str:
    shown = embedded(picture, alt=description, kind="png")
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"
