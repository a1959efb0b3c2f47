import pickle
import shutil
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from nerveceg.data import decoding
from nerveceg.data.cache import Cache
from nerveceg.data.dataset import FrameDataset
from nerveceg.data.decoding import load_frame, network_levels
from nerveceg.data.filters import Diffusion
from nerveceg.data.frames import find_frames
from nerveceg.data.geometry import Geometry
from nerveceg.errors import DataError, NerveCegError


@pytest.fixture
def decoded(monkeypatch):
    """The ids of the frames that were decoded since."""
    seen = []

    def watched(frame):
        seen.append(frame.id)
        return load_frame(frame)

    monkeypatch.setattr(decoding, "load_frame", watched)
    return seen


@pytest.fixture
def open_frames(geometry, tmp_path):
    def call(frames, *, kind="disk", geometry=geometry, **options):
        cache = Cache(kind=kind, folder=tmp_path / "cache")
        return FrameDataset(frames, geometry=geometry, cache=cache, progress=False, **options)

    return call


def contents(dataset):
    batches = [dataset[(0, place)] for place in range(len(dataset))]
    return [
        (b.image.numpy().tobytes(), b.mask.numpy().tobytes(), float(b.present)) for b in batches
    ]


def packs(tmp_path):
    return sorted((tmp_path / "cache").rglob("*.npy"))


@pytest.mark.parametrize("kind", ["disk", "memory", "none", "auto"])
@pytest.mark.parametrize("filter", [None, Diffusion(iterations=1)])
def test_every_kind_gives_the_bytes_of_the_files(kind, filter, mixed_frames, geometry, open_frames):
    for _ in range(2):
        dataset = open_frames(mixed_frames, kind=kind, filter=filter)
        for place, frame in enumerate(mixed_frames):
            image, mask = load_frame(frame)
            item = dataset[(0, place)]
            levels = network_levels([image], geometry=geometry, filter=filter)
            sized = geometry.forward_mask(torch.from_numpy(mask)[None, None])
            assert torch.equal(item.image, levels[0])
            assert torch.equal(item.mask.bool(), sized[0])
            assert item.present == mask.any()


def test_a_frame_is_decoded_once_for_all_stages_and_folds(
    mixed_frames, open_frames, decoded, tmp_path
):
    folds = [mixed_frames[:6], mixed_frames[6:], mixed_frames[2:], mixed_frames[::-1]]
    for frames in folds:
        open_frames(frames)
    assert sorted(decoded) == sorted(frame.id for frame in mixed_frames)
    assert len(packs(tmp_path)) == 2
    plain = contents(open_frames(mixed_frames, kind="memory"))
    assert contents(open_frames(folds[-1])) == plain[::-1]


def test_another_size_or_filter_keeps_rows_of_its_own(mixed_frames, open_frames, decoded):
    frames = mixed_frames[:2]
    for geometry, filter in [((64, 96), None), ((64, 96), Diffusion()), ((32, 48), None)]:
        dataset = open_frames(frames, geometry=Geometry(size=geometry), filter=filter)
        assert dataset[(0, 0)].image.shape == (1, *geometry)
    assert len(decoded) == 6


@pytest.mark.parametrize("part", ["image", "mask"])
def test_a_changed_file_is_decoded_anew_and_no_other(
    part, frame_folder, tmp_path, open_frames, decoded
):
    shutil.copytree(frame_folder, tmp_path / "train")
    frames = find_frames(tmp_path / "train")[:4]
    open_frames(frames)
    decoded.clear()
    path = getattr(frames[1], part)
    with Image.open(path) as image:
        turned = Image.fromarray(np.array(image)[::-1])
    turned.save(path)
    dataset = open_frames(frames)
    assert decoded == [frames[1].id]
    assert contents(dataset) == contents(open_frames(frames, kind="memory"))


def damage_a_byte(path):
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-1000])


def empty(path):
    path.write_bytes(b"")


def swap(path):
    np.save(path, np.zeros(3))


@pytest.mark.parametrize("harm", [damage_a_byte, cut_short, empty, swap])
def test_a_damaged_cache_is_made_anew(harm, mixed_frames, open_frames, decoded, tmp_path):
    sound = contents(open_frames(mixed_frames))
    harm(packs(tmp_path)[0])
    decoded.clear()
    assert contents(open_frames(mixed_frames)) == sound
    assert len(decoded) == (1 if harm is damage_a_byte else len(mixed_frames))
    decoded.clear()
    assert contents(open_frames(mixed_frames)) == sound
    assert not decoded


def test_a_run_that_stops_while_it_decodes_leaves_no_file(mixed_frames, open_frames, tmp_path):
    missing = mixed_frames[-1]._replace(mask=tmp_path / "damaged.png")
    missing.mask.write_bytes(b"no picture")
    with pytest.raises(DataError, match="damaged.png"):
        open_frames([*mixed_frames[:2], missing])
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_worker_maps_the_file_itself(mixed_frames, open_frames):
    dataset = open_frames(mixed_frames)
    sent = pickle.dumps(dataset)
    assert len(sent) < 64 * 96 * len(mixed_frames) / 2
    assert contents(pickle.loads(sent)) == contents(dataset)  # noqa: S301


def test_many_frames_are_decoded_by_several_processes_to_the_same_rows(
    mixed_frames, open_frames, monkeypatch
):
    alone = contents(open_frames(mixed_frames, kind="memory"))
    monkeypatch.setattr(decoding, "ENOUGH", 1)
    monkeypatch.setattr(decoding, "TOGETHER", 2)
    assert contents(open_frames(mixed_frames)) == alone


def test_auto_takes_the_disk_then_the_memory_then_neither(
    mixed_frames, open_frames, tmp_path, monkeypatch, caplog
):
    def with_room(disk, memory):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=disk))
        available = SimpleNamespace(available=memory)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: available)
        return type(open_frames(mixed_frames, kind="auto")._decoded).__name__, len(packs(tmp_path))

    assert with_room(0, 0) == ("_Streamed", 0)
    assert "find no room" in caplog.text
    assert with_room(0, 10**9) == ("_Kept", 0)
    assert with_room(10**9, 0) == ("_Kept", 1)


def test_a_folder_that_can_t_be_written_is_named_and_auto_does_without(
    mixed_frames, geometry, tmp_path
):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "cache"
    options = {"geometry": geometry, "progress": False}
    with pytest.raises(NerveCegError, match="data.cache_folder=.*file/cache can't be written"):
        FrameDataset(mixed_frames, cache=Cache(kind="disk", folder=folder), **options)
    there = FrameDataset(mixed_frames, cache=Cache(kind="auto", folder=folder), **options)
    assert contents(there) == contents(FrameDataset(mixed_frames, **options))


def test_an_unknown_kind_and_a_disk_without_a_folder_are_refused():
    with pytest.raises(NerveCegError, match="data.cache=ram: any of auto, disk, memory, none"):
        Cache(kind="ram")
    with pytest.raises(NerveCegError, match="data.cache_folder=FOLDER"):
        Cache(kind="disk")


def test_a_frame_whose_file_is_gone_is_named(mixed_frames, open_frames, tmp_path):
    gone = mixed_frames[0]._replace(image=tmp_path / "gone.tif")
    with pytest.raises(DataError, match=r"gone\.tif can't be read"):
        open_frames([gone])


def test_what_is_kept_has_the_size_of_the_pixels_and_a_bit_of_mask_each(
    mixed_frames, open_frames, tmp_path
):
    open_frames(mixed_frames)
    rows = 8 * (64 * 96 * 9 / 8 + 21)
    assert rows <= packs(tmp_path)[0].stat().st_size <= rows + 512
