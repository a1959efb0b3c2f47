"""The line that everything a person sees carries, and pictures that carry it."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from nerveceg.files import replacing

RESEARCH_USE = "Research use only; not a medical device; not for guiding a needle."

LINE = 14
_MARGIN = 4
_GREY = (190, 190, 190)


def with_notice(picture: Image.Image) -> Image.Image:
    """The RGB picture with the notice in a strip below it; no pixel of its own is changed."""
    lines = _wrapped(RESEARCH_USE, picture.width - 2 * _MARGIN)
    whole = Image.new("RGB", (picture.width, picture.height + LINE * len(lines)))
    whole.paste(picture, (0, 0))
    draw = ImageDraw.Draw(whole)
    for place, line in enumerate(lines):
        draw.text((_MARGIN, picture.height + LINE * place), line, fill=_GREY)
    return whole


def write_png(path: Path, picture: Image.Image) -> None:
    """Write a picture as PNG, with the notice as its comment, whole or not at all."""
    comment = PngInfo()
    comment.add_text("Comment", RESEARCH_USE)
    with replacing(path) as beside:
        picture.save(beside, format="PNG", pnginfo=comment, compress_level=1)


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most so many pixels; a single word may be longer."""
    font, lines = ImageFont.load_default(), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
