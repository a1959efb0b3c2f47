"""A process that has imported everything, and forks one that runs a tool for each line it reads.

A line: {"words": [tool, overrides], "folder": where it runs, "log": file, "largest": bytes a file,
"memory": bytes beyond those of its start}; the last two may be null.
Answered by the child's process id at once, and by its exit status when it has ended.
"""

import json
import os
import resource
import runpy
import sys
import traceback
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[3] / "tools"
sys.path.insert(0, str(TOOLS.parent))

import accelerate.data_loader  # noqa: E402, F401
import albumentations  # noqa: E402, F401
import sklearn.metrics  # noqa: E402, F401
import timm.optim  # noqa: E402, F401

import nerveceg.checkpoint  # noqa: E402, F401
import nerveceg.data.conflicts  # noqa: E402, F401
import nerveceg.tools.stage  # noqa: E402, F401
import nerveceg.training.fit  # noqa: E402, F401


def grow_up(order: dict) -> int:
    """Run the tool in this process, as its file does when it's called; returns its status."""
    os.setsid()
    os.chdir(order["folder"])
    if order["largest"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest"], order["largest"]))
    if order["memory"] is not None:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + order["memory"]
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    sys.argv = [str(TOOLS / order["words"][0]), *order["words"][1:]]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    """One order a line until there are no more."""
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            status = 1
            try:
                status = grow_up(order)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    print("ready", flush=True)
    main()
