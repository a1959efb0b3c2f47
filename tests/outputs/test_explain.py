import numpy as np
import pytest
from PIL import Image

from nerveceg.data.frames import find_frames
from nerveceg.explanation import Explainer, Explanation
from nerveceg.inference import predict_frames
from nerveceg.outputs.explain import OPACITY, blend, draw_explanation
from nerveceg.outputs.notice import LINE
from nerveceg.outputs.overlays import draw_overlay
from nerveceg.outputs.predictions import PredictionWriter


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 200, (60, 90), dtype=np.uint8)


def ramp(shape=(60, 90)):
    return np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)


NOTHING = np.zeros((60, 90), bool)


def test_where_nothing_speaks_for_it_the_frame_stays_grey(image):
    assert np.array_equal(blend(image, 0 * ramp()), np.stack([image] * 3, axis=-1))
    half = np.where(np.arange(90) < 45, 0, ramp()).astype(np.float32)
    coloured = np.ptp(blend(image, half).astype(int), axis=-1) > 0
    assert not coloured[:, :45].any()
    assert coloured[30:, 45:].all()


def test_more_heat_is_brighter_to_every_eye():
    shown = blend(np.zeros((60, 90), np.uint8), ramp()).reshape(-1, 3).astype(float)
    weights = np.array([0.2126, 0.7152, 0.0722])  # luminance of sRGB's primaries, Rec. 709
    luminance = (shown / 255) ** 2.2 @ weights
    smooth = luminance[::200]
    assert (np.diff(smooth) > -1e-3).all()
    assert smooth[-1] > 5 * smooth[len(smooth) // 3]


def test_the_hottest_pixels_show_the_frame_through_the_colour():
    dark, bright = (blend(np.full((60, 90), grey, np.uint8), ramp()) for grey in (0, 200))
    between = bright[-1, -1].astype(int) - dark[-1, -1].astype(int)
    assert np.abs(between - 200 * (1 - OPACITY)).max() <= 1


def test_few_outliers_do_not_hide_the_rest(image):
    plain, lone = ramp() / 2, ramp() / 2
    lone[0, :9] = 1.0
    assert np.abs(blend(image, plain)[9:].astype(int) - blend(image, lone)[9:]).max() < 40
    assert np.array_equal(blend(image, ramp()), blend(image, plain)), "the scale is each map's own"


def test_overlay_gate_and_segmenter_stand_side_by_side(image):
    gate, segmenter = ramp(), ramp()[::-1].copy()
    picture = draw_explanation(
        image, NOTHING, None, Explanation(gate, segmenter), caption="1_1   presence 0.9"
    )
    assert picture.size == (270, 76)
    pixels = np.asarray(picture)
    overlay = np.asarray(draw_overlay(image, NOTHING, None, caption="1_1   presence 0.9"))
    assert np.array_equal(pixels[:, :90], overlay)
    assert np.array_equal(pixels[:60, 90:180], blend(image, gate))
    assert np.array_equal(pixels[:60, 180:], blend(image, segmenter))
    assert pixels[60:, 90:180].any(), "a panel without a name"


def test_without_a_gate_there_is_no_panel_for_it(image):
    picture = draw_explanation(image, NOTHING, None, Explanation(None, ramp()), caption="")
    assert picture.size == (180, 76)
    assert np.array_equal(np.asarray(picture)[:60, 90:], blend(image, ramp()))


def test_a_picture_is_written_for_each_frame(pipeline, frame_folder, tmp_path):
    frames = find_frames(frame_folder)[:2]
    explainer = Explainer(pipeline, method="gradcam")
    with PredictionWriter(tmp_path / "out", overwrite=False, explain=explainer.explain) as writer:
        predict_frames(pipeline, frames, watch=writer.write, progress=False)
        writer.finish()
    written = sorted((tmp_path / "out/explanations").iterdir())
    assert [path.name for path in written] == [f"{frame.id}.png" for frame in frames]
    with Image.open(written[0]) as picture, Image.open(frames[0].image) as frame:
        assert picture.size == (3 * frame.width, frame.height + 16 + LINE)
    with PredictionWriter(tmp_path / "out", overwrite=True) as writer:
        writer.finish()
    assert not (tmp_path / "out/explanations").exists(), "an earlier run's pictures"
