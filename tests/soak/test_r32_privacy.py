"""R32: what a run leaves behind names no folder, user, host or patient of where it was made."""

import base64
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.frames import find_frames
from nerveceg.data.images import read_image
from nerveceg.data.phantom import write_phantom

ROOT = Path(__file__).parents[2]
USER, HOST = "marked-user", "marked-host"
PATIENT = {
    "PatientName": "Marked^Patience",
    "PatientID": "MARKED-4711",
    "PatientBirthDate": "19610203",
    "InstitutionName": "Marked Clinic",
    "ReferringPhysicianName": "Marked^Doctor",
    "StudyInstanceUID": "1.2.276.0.4711.99",
    "DeviceSerialNumber": "MARKED-SERIAL",
    "AccessionNumber": "MARKED-ACCESSION",
}
STAYS_HERE = ("state", "tensorboard", "private.yaml", "row.json")
"""What SECURITY.md says is never handed on, beside the tools' own `*.log`."""

FOLDERS = re.compile(rb"(?<![\w.:/+=-])/(?:tmp|home|root|work|Users|mnt|var|opt)/[\w.-]")
TINY = [
    "data.geometry.size=[64,88]",
    "cls.model.backbone=test_efficientnet",
    "cls.model.weights=null",
    "cls.model.drop_path=0",
    "cls.epochs=1",
    "seg.model.encoder=tu-test_resnet",
    "seg.model.weights=null",
    "seg.epochs=1",
]
LIGHT = ["runtime.device=cpu", "bootstraps=20"]
RUNS = """
train_cls data.root={data} name=mine
train_seg data.root={data} name=mine
infer checkpoint={home}/runs/mine
infer checkpoint=runs/mine input={scans} output={home}/scans explain=gradcam mask_suffix=.tif
evaluate checkpoint=runs/mine input={data} output=scored
evaluate predictions=runs/mine/predictions/masks output=drawn input={data} on_error=skip
compare checkpoint=scored against=scored output={home}/compared
describe data.root={data} output={home}/described
audit data.root={data} output=audited
report checkpoint=runs/mine
export checkpoint=runs/mine output={home}/exported
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the marked user: labelled necks, scans of the planted patient, a broken file."""
    home = tmp_path / "home" / USER
    write_phantom(home / "necks", subjects=16, frames_per_subject=2, progress=False)
    frames = find_frames(home / "necks" / "train")
    pictures = np.stack([read_image(frame.image) for frame in frames[:3]])
    (home / "scans").mkdir()
    _write_dicom(home / "scans" / "a.dcm", pictures)
    shutil.copy(frames[0].image, home / "scans" / "plain.tif")
    return home


def test_nothing_handed_on_names_folder_user_host_or_patient(home, figure):
    begin = _call_as_marked(home)
    scans, data = home / "scans", home / "necks" / "train"
    for line in RUNS.strip().splitlines():
        tool, *words = line.format(home=home, data=data, scans=scans).split()
        tiny = TINY if tool.startswith("train") else []
        done = begin([ROOT / "tools" / f"{tool}.py", *words, *LIGHT, *tiny])
        skipped = "on_error=skip" in words and done.returncode == 2
        assert done.returncode == 0 or skipped, f"{line}\n{done.stderr[-2000:]}"
    done = begin(["-c", _EXPORT])
    assert done.returncode == 0, done.stderr[-2000:]
    made = [path for path in _handed_on(home) if path.is_file()]
    leaks = [leak for path in made for leak in _leaks(path)]
    kinds = sorted({path.suffix for path in made})
    assert {".json", ".html", ".csv", ".png", ".tif", ".mp4", ".npz", ".yaml"} <= set(kinds)
    assert not leaks, "\n".join(leaks)
    figure(
        "R32",
        f"{len(made)} artefacts ({' '.join(kinds).strip()}) of {RUNS.count('=mine')} runs "
        f"of every tool as {USER}@{HOST} with a planted DICOM patient: {len(leaks)} leaks",
    )


def test_the_search_finds_what_it_looks_for(tmp_path):
    """The check itself: each mark, planted in each kind of file, is found."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", USER, zip=True)
    Image.new("L", (8, 8)).save(tmp_path / "a.png", pnginfo=info)
    packed = base64.b64encode((tmp_path / "a.png").read_bytes()).decode()
    (tmp_path / "b.html").write_text(f'<img src="data:image/png;base64,{packed}">')
    np.savez_compressed(tmp_path / "c.npz", ids=np.array([HOST, "x"]))
    (tmp_path / "d.json").write_text('{"root": "/srv"}, {"root": "/home/x"}')
    (tmp_path / "e.csv").write_text(PATIENT["PatientID"])
    (tmp_path / "f.html").write_text(USER.encode("utf-16-le").decode("latin-1"))
    for path in sorted(tmp_path.iterdir()):
        assert list(_leaks(path)), path.name


_EXPORT = """
import nerveceg
nerveceg.Pipeline.from_pretrained("runs/mine").save_pretrained("exported")
"""


def _call_as_marked(home):
    """Runs Python as the marked user, on the marked host where the system lets a test name one."""
    names = {"HOME": home, "USER": USER, "LOGNAME": USER, "HOSTNAME": HOST, "PWD": home}
    environment = {**os.environ, **{name: str(value) for name, value in names.items()}}
    rename = ["unshare", "--uts", "sh", "-c", f'hostname {HOST}; exec "$@"', "sh"]
    able = shutil.which("unshare") and not subprocess.run([*rename, "true"], check=False).returncode

    def call(words):
        words = [*(rename if able else []), sys.executable, *map(str, words)]
        return subprocess.run(
            words, cwd=home, env=environment, capture_output=True, text=True, check=False
        )

    return call


def _handed_on(home: Path) -> Iterator[Path]:
    for folder in sorted(home.iterdir()):
        if folder.name in ("necks", "scans") and not (folder / "masks").is_dir():
            continue
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(home).parts
            own = parts[0] in ("necks", "scans") and parts[1] in ("train", "a.dcm", "plain.tif")
            if not own and not {*parts} & {*STAYS_HERE} and path.suffix != ".log":
                yield path


def _leaks(path: Path) -> Iterator[str]:
    """Every mark in a file: in its bytes, in pictures within pages, in packed texts."""
    for content in _contents(path):
        for mark in (USER, HOST, *PATIENT.values()):
            if any(mark.encode(coding) in content for coding in ("utf-8", "utf-16-le")):
                yield f"{path}: {mark}"
        if path.suffix in (".json", ".html", ".csv", ".yaml", ".jsonl"):
            for found in FOLDERS.findall(content):
                yield f"{path}: {found.decode()}"


def _contents(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays.files:
                if arrays[name].dtype.kind in "SU":
                    yield " ".join(map(str, arrays[name].ravel())).encode()
    if path.suffix in (".png", ".tif"):
        yield from _words_of_picture(path)
    for packed in re.findall(rb"data:image/\w+;base64,([A-Za-z0-9+/=]+)", content):
        picture = path.with_name("unpacked.png")
        picture.write_bytes(base64.b64decode(packed))
        yield from _contents(picture)
        picture.unlink()


def _words_of_picture(path: Path) -> Iterator[bytes]:
    with Image.open(path) as picture:
        yield repr(picture.info).encode()
        if path.suffix == ".tif":
            yield repr(dict(picture.tag_v2)).encode()


def _write_dicom(path: Path, pictures: np.ndarray) -> None:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset

    data, meta = Dataset(), FileMetaDataset()
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.276.0.4711.99.1"
    data.Modality, data.PhotometricInterpretation = "US", "MONOCHROME2"
    data.NumberOfFrames, data.Rows, data.Columns = pictures.shape
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    for name, value in PATIENT.items():
        setattr(data, name, value)
    data.PixelData = pictures.tobytes()
    data["PixelData"].VR = "OB"
    data.file_meta = meta
    data.save_as(path, enforce_file_format=True)
