"""A frame with heat maps over it: where gate and segmenter look."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nerveceg.explanation import Explanation, Heat
from nerveceg.outputs.overlays import Grey, Mask, draw_overlay

OPACITY = 0.7
"""Of the colour where the heat is greatest; where there is none, the frame stays grey."""
BRIGHTEST = 99.5
"""Percentile of a map drawn as its greatest: of a saliency, few pixels outshine all others."""
LINE = 16
"""Pixels that a line of text takes."""


def draw_explanation(
    image: Grey, mask: Mask, truth: Mask | None, explanation: Explanation, *, caption: str
) -> Image.Image:
    """Heat maps over a frame, uint8 [H, W], in an RGB picture: the gate's, then the segmenter's.

    Left of them the overlay with the contours of mask and truth, whose caption tells all three.
    """
    height, width = image.shape
    named = {"gate": explanation.gate, "segmenter": explanation.segmenter}
    panels = [_panel(image, heat, name) for name, heat in named.items() if heat is not None]
    panels.insert(0, draw_overlay(image, mask, truth, caption=caption))
    picture = Image.new("RGB", (width * len(panels), height + LINE))
    for place, panel in enumerate(panels):
        picture.paste(panel, (width * place, 0))
    return picture


def blend(image: Grey, heat: Heat) -> NDArray[np.uint8]:
    """A frame, uint8 [H, W], coloured by heat, float32 [H, W] in [0, 1]: uint8 [H, W, 3].

    The colours are viridis, from purple over green to yellow: evenly brighter, so that they keep
    their order under every kind of colour blindness.
    """
    import cv2

    top = np.percentile(heat, BRIGHTEST) or heat.max() or 1
    shown = (heat / top).clip(0, 1)
    levels = (shown * 255).round().astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    opacity = OPACITY * shown[..., None]
    blended = (1 - opacity) * image[..., None] + opacity * colours
    return np.asarray(blended.round(), dtype=np.uint8)


def _panel(image: Grey, heat: Heat, name: str) -> Image.Image:
    height, width = image.shape
    panel = Image.new("RGB", (width, height + LINE))
    panel.paste(Image.fromarray(blend(image, heat)), (0, 0))
    ImageDraw.Draw(panel).text((4, height + 2), name, fill="white")
    return panel
