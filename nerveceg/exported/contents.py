"""What stands in an exported folder's pipeline.json, and whether its files are those it names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nerveceg.calibration import Calibration
from nerveceg.data.geometry import Geometry
from nerveceg.decision import Rule
from nerveceg.documents import MALFORMED, read_object
from nerveceg.errors import NerveCegError
from nerveceg.files import require_unchanged, sha256_of, write_text
from nerveceg.views import PLAIN, View, make_views

SCHEMA = 1
KIND = "nerveceg.exported"
NOTICE = "Research use only; not a medical device. Apache-2.0, see LICENSE.txt."
DESCRIPTION = "pipeline.json"


class Graphs(NamedTuple):
    """The files of one member's networks, each by the size of its frames, as "256x352"."""

    cls: Mapping[str, str] | None
    seg: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What makes a pipeline of the files in a folder; all names are inside it.

    precision: of the graphs, float32 or int8.
    filter: the graph of the filter, uint8 to uint8 [N, 1, h, w]; None is none.
    shape_priors: files, one a member, or none.
    """

    geometry: Geometry
    members: tuple[Graphs, ...]
    precision: str = "float32"
    views: tuple[View, ...] = PLAIN
    calibration: Calibration = Calibration()
    rule: Rule = Rule()
    filter: str | None = None
    shape_priors: tuple[str, ...] = ()

    @property
    def files(self) -> list[str]:
        """Every file that predicting needs."""
        stages = [stage for member in self.members for stage in member if stage]
        graphs = [name for stage in stages for name in stage.values()]
        return sorted({*graphs, *self.shape_priors, *([self.filter] if self.filter else [])})

    def write(self, folder: Path) -> None:
        """Write pipeline.json beside the files."""
        content = {
            "kind": KIND,
            "schema": SCHEMA,
            "notice": NOTICE,
            "precision": self.precision,
            "geometry": self.geometry.to_dict(),
            "filter": self.filter,
            "views": [view.to_dict() for view in self.views],
            "calibration": self.calibration.to_dict(),
            "rule": self.rule.to_dict(),
            "members": [member._asdict() for member in self.members],
            "shape_priors": list(self.shape_priors),
            "files": {name: sha256_of(folder / name) for name in self.files},
        }
        write_text(folder / DESCRIPTION, json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Contents":
        """What `write` wrote, its files checked.

        Raises:
            NerveCegError: it is of another kind or schema, or a file is missing or was changed.
        """
        content = _read(folder)
        try:
            contents = cls(
                geometry=Geometry.from_dict(content["geometry"]),
                members=tuple(Graphs(**member) for member in content["members"]),
                precision=content["precision"],
                views=make_views(content["views"]),
                calibration=Calibration.from_dict(content["calibration"]),
                rule=Rule.from_dict(content["rule"]),
                filter=content["filter"],
                shape_priors=tuple(content["shape_priors"]),
            )
            for name in contents.files:
                _check_file(folder, name, content["files"][name])
        except NerveCegError:
            raise
        except MALFORMED as error:
            raise NerveCegError(f"{folder / DESCRIPTION} lacks or misplaces {error}") from error
        return contents


def precision_of(folder: Path) -> str:
    """The precision of the graphs in an exported folder, float32 or int8; no other file is read.

    Raises:
        NerveCegError: pipeline.json is of another kind or schema.
    """
    return str(_read(folder).get("precision"))


def _read(folder: Path) -> Mapping[str, Any]:
    path = folder / DESCRIPTION
    if not path.exists():
        raise NerveCegError(f"{path} is missing: a folder that tools/export.py wrote is wanted")
    content = read_object(path)
    if content.get("kind") != KIND:
        raise NerveCegError(
            f"{path} describes no exported pipeline: python tools/export.py checkpoint={folder} "
            "output=DIR makes one of a trained run"
        )
    if content.get("schema") != SCHEMA:
        raise NerveCegError(
            f"{path} has schema {content.get('schema')!r}; this version reads {SCHEMA}: export "
            "again, or take the version of NerveCeg that wrote it"
        )
    return content


def _check_file(folder: Path, name: str, wanted: str) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise NerveCegError(f"{folder / DESCRIPTION} names {name!r}, which lies outside it")
    if not path.is_file():
        raise NerveCegError(f"{path} is missing: the exported folder isn't whole, export again")
    require_unchanged(path, wanted, by=DESCRIPTION, cure="export again")
