"""Near-duplicate frames whose labels contradict each other: audit.html, pairs.csv and pairs.png.

python tools/audit.py data.root=FOLDER output=DIR
python tools/audit.py ablate=true experiment=lite0 name=conflicts
"""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command

if TYPE_CHECKING:
    from nerveceg.data.conflicts import Audit
    from nerveceg.data.frames import Frame

logger = logging.getLogger(__name__)

PICTURED = 12


def audit(config: DictConfig) -> float:
    """Audit the labels; returns the share of near-duplicate pairs that contradict each other."""
    from nerveceg.data.conflicts import find_conflicts
    from nerveceg.outputs.conflicts import conflict_table
    from nerveceg.tools.ablation import ablate_policies
    from nerveceg.tools.composition import data_name, run_folder

    frames = labelled_frames(config)
    found = find_conflicts(frames)
    output = Path(config.output or run_folder(config) / "audit")
    write_audit(found, frames, output, name=data_name(config))
    print(conflict_table(found, frames))
    if config.ablate:
        print(f"\n{ablate_policies(config, found)}")
    return len(found.contradictions) / max(len(found.pairs), 1)


def labelled_frames(config: DictConfig) -> "list[Frame]":
    """All frames of the data whose truth is known."""
    from nerveceg.data.images import unknown_truth
    from nerveceg.tools.composition import load_frames

    frames = load_frames(config.data)
    known = [frame for frame in frames if frame.mask is not None]
    if not known:
        raise unknown_truth(frames[0])
    if len(known) < len(frames):
        missing = len(frames) - len(known)
        logger.warning("%d of %d frames have no truth: left out", missing, len(frames))
    return known


def write_audit(found: "Audit", frames: "list[Frame]", output: Path, *, name: str) -> None:
    """Write pairs.csv and audit.html, and a picture of some contradictory pairs as pairs.png."""
    from nerveceg.data.conflicts import write_pairs
    from nerveceg.files import write_text
    from nerveceg.outputs.conflicts import draw_pairs
    from nerveceg.outputs.html.audit_page import audit_page
    from nerveceg.outputs.notice import with_notice, write_png

    write_pairs(output / "pairs.csv", found.pairs)
    write_text(output / "audit.html", audit_page(found, frames, name=name))
    wrong = found.contradictions
    count = min(len(wrong), PICTURED)
    shown = [wrong[place * len(wrong) // count] for place in range(count)]
    (output / "pairs.png").unlink(missing_ok=True)
    if shown:
        picture = draw_pairs(shown, {frame.id: frame for frame in frames})
        write_png(output / "pairs.png", with_notice(picture))
    logger.info(
        "in %s: audit.html, pairs.csv%s",
        output,
        f", pairs.png with {count} of {len(wrong)} contradictory pairs" if shown else "",
    )
    logger.info("next: look at %s", output / "audit.html")


main = command(audit)

if __name__ == "__main__":
    main()
