"""A frame with the contours of prediction and truth drawn over it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# Of Okabe & Ito's palette: told apart under every kind of colour blindness, and by brightness.
PREDICTION = (230, 159, 0)
TRUTH = (86, 180, 233)


def draw_overlay(image: Grey, mask: Mask, truth: Mask | None, *, caption: str) -> Image.Image:
    """The frame, uint8 [H, W], as an RGB picture with a caption below it.

    The prediction's contour is orange; the truth's, where known, is blue.
    """
    pixels = np.stack([image] * 3, axis=-1)
    if truth is not None:
        pixels[contour(truth)] = TRUTH
    pixels[contour(mask)] = PREDICTION
    height, width = image.shape
    picture = Image.new("RGB", (width, height + 16))
    picture.paste(Image.fromarray(pixels), (0, 0))
    ImageDraw.Draw(picture).text((4, height + 2), caption, fill="white")
    return picture


def contour(mask: Mask, *, thickness: int = 2) -> Mask:
    """The mask's border pixels, bool [H, W], inside it."""
    return mask & ~ndimage.binary_erosion(mask, iterations=thickness)
