"""A web page of a trained run: a frame, a DICOM file or a clip in; contour, presence and why out.

python tools/app.py checkpoint=runs/demo
python tools/app.py checkpoint=runs/demo temporal=hmm app.port=7861

It listens at this computer alone and wants nothing from the network. Ctrl-C ends it.
"""

import logging
import signal
import sys
import threading
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command
from nerveceg.tools.composition import build
from nerveceg.tools.trained import checkpoint_folder, load_pipeline_of

logger = logging.getLogger(__name__)


def app(config: DictConfig) -> None:
    """Serve the page until the process is told to end."""
    from nerveceg.errors import NerveCegError
    from nerveceg.outputs.app import Service
    from nerveceg.outputs.app.server import serve

    settings = build(config.app)
    if config.rule.prevalence == "estimate":
        raise NerveCegError("rule.prevalence=estimate wants many frames: state it as a number here")
    service = Service(load_pipeline_of(config))
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with serve(service, settings=settings, run=checkpoint_folder(config).name) as address:
        logger.info("%s shows the page; Ctrl-C ends it", address)
        if not settings.private:
            logger.warning("app.host=%s lets other computers in, without a password", settings.host)
        try:
            ended.wait()
        except KeyboardInterrupt:
            logger.info("ended")


main = command(app)

if __name__ == "__main__":
    main()
