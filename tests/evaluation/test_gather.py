import json

import numpy as np
import pytest
import torch
from PIL import Image

from nerveceg.data.images import digest_of, read_image, read_mask
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.gather import Fold, gather
from nerveceg.evaluation.out_of_fold import half_size, level_logits
from nerveceg.models.member import Member
from nerveceg.pipeline import Pipeline
from nerveceg.runtime import Runtime
from nerveceg.views import View

SPLIT = {"by": "subject", "folds": 3, "seed": 0}


@pytest.fixture
def folds(make_classifier, make_segmenter, geometry, frames):
    """Three networks, each of which was trained on the frames of the two others."""
    subjects = list(dict.fromkeys(frame.subject for frame in frames))
    made = {}
    for k in range(3):
        own = [f for f in frames if subjects.index(f.subject) % 3 == k]
        trained_on = frozenset(digest_of(f.image) for f in frames if f not in own)
        pipeline = Pipeline(
            [Member(make_classifier(k), make_segmenter(k))],
            geometry=geometry,
            trained_on=trained_on,
        )
        made[k] = Fold(pipeline, own)
    return made


def gathered(folds, **options):
    return gather(folds, split=SPLIT, progress=False, **options)


def test_each_frame_is_predicted_once_by_its_own_fold(folds, frames):
    predictions = gathered(folds)
    assert sorted(predictions.ids) == sorted(frame.id for frame in frames)
    by_id = {frame.id: frame for frame in frames}
    for place, name in enumerate(predictions.ids):
        fold = folds[int(predictions.fold[place])]
        assert by_id[name] in fold.frames
        assert predictions.subjects[place] == by_id[name].subject
    assert json.loads(str(predictions.split)) == SPLIT
    assert json.loads(str(predictions.views)) == [View().to_dict()]


@pytest.mark.parametrize("batch_size", [1, 4, 16])
def test_logits_and_maps_are_the_pipelines_own(folds, batch_size):
    for fold in folds.values():
        fold.pipeline.use(Runtime(device="cpu", batch_size=batch_size))
    predictions = gathered(folds)
    listed = {f.id: (fold.pipeline, f) for fold in folds.values() for f in fold.frames}
    for place, (levels, truth) in enumerate(predictions.maps()):
        pipeline, frame = listed[str(predictions.ids[place])]
        image = read_image(frame.image)
        network_input = pipeline.network_input([image])
        wanted = pipeline.ensemble.look(network_input).presence_logits[0, 0]
        assert predictions.logits[place] == pytest.approx(wanted.numpy(), abs=1e-4)
        native = pipeline.geometry.restore(pipeline.look(network_input).probability(), image.shape)
        blocks = native[0, 0].numpy().reshape(210, 2, 290, 2).mean((1, 3))
        said = level_logits()[torch.from_numpy(levels).long()].sigmoid().numpy()
        assert np.abs(said - blocks).max() < 0.01
        true = read_mask(frame, image.shape)
        assert np.array_equal(truth, true.reshape(210, 2, 290, 2).mean((1, 3)) >= 0.5)
        assert predictions.truth_area[place] == true.sum()


def test_every_view_has_its_logit_and_all_make_one_map(folds, frames):
    plain = gathered(folds)
    for fold in folds.values():
        fold.pipeline.ensemble.views = (View(), View(scale=0.9), View(gamma=0.8))
    predictions = gathered(folds)
    assert predictions.logits.shape == (30, 3)
    assert predictions.logits[:, 0] == pytest.approx(plain.logits[:, 0], abs=1e-4)
    assert not np.array_equal(predictions.logits[:, 1], predictions.logits[:, 0])
    assert not np.array_equal(predictions.levels, plain.levels)
    assert [view["scale"] for view in json.loads(str(predictions.views))] == [1.0, 0.9, 1.0]


def test_networks_without_a_gate_say_infinite_logits(folds):
    for k, fold in folds.items():
        fold.pipeline.ensemble.members[0].classifier = None
        folds[k] = fold._replace(frames=fold.frames[:2])
    assert np.isposinf(gathered(folds).logits).all()


def test_frames_of_odd_and_several_sizes_stand_in_one_file(folds, tmp_path):
    sizes = [(61, 84), (40, 57), (61, 84), (40, 56)]
    for k, fold in folds.items():
        cut = []
        for frame, size in zip(fold.frames, sizes, strict=False):
            image = read_image(frame.image)
            mask = read_mask(frame, image.shape)
            paths = tmp_path / f"{frame.id}.png", tmp_path / f"{frame.id}_mask.png"
            for pixels, path in zip((image, mask.astype(np.uint8) * 255), paths, strict=True):
                Image.fromarray(pixels[100:, 150:][: size[0], : size[1]]).save(path)
            cut.append(frame._replace(image=paths[0], mask=paths[1]))
        folds[k] = fold._replace(frames=cut)
    predictions = gathered(folds)
    assert list(zip(predictions.height, predictions.width, strict=True)) == sizes * 3
    shapes = [levels.shape for levels, _ in predictions.maps()]
    assert shapes == [half_size(*size) for size in sizes] * 3
    assert list(predictions.ids) == [f.id for fold in folds.values() for f in fold.frames]


def refused(folds, match):
    with pytest.raises(NerveCegError, match=match) as caught:
        gathered(folds)
    assert "\n" not in str(caught.value)


def test_a_frame_that_the_fold_was_trained_on_is_refused(folds):
    stranger = folds[1].frames[0]
    folds[0] = folds[0]._replace(frames=[*folds[0].frames, stranger])
    refused(folds, f"frame {stranger.id} was trained on by fold 0")


def test_a_frame_in_two_folds_is_refused(folds):
    twice = folds[0].frames[0]
    folds[1].pipeline.trained_on -= {digest_of(twice.image)}
    folds[1] = folds[1]._replace(frames=[*folds[1].frames, twice])
    refused(folds, f"frame {twice.id} is held out by folds 0 and 1")


def test_one_fold_alone_is_refused(folds):
    refused({0: folds[0]}, "1 fold: .*2 or more")


def test_a_fold_of_several_members_is_refused(folds, make_classifier, make_segmenter):
    folds[2].pipeline.ensemble.members.append(Member(make_classifier(7), make_segmenter(7)))
    refused(folds, "fold 2 has several members")


def test_a_network_that_gives_nan_is_refused(folds):
    for parameter in folds[1].pipeline.ensemble.members[0].segmenter.parameters():
        torch.nn.init.constant_(parameter, float("nan"))
    refused(folds, "NaN")
