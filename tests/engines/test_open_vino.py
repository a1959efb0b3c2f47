"""A process with OpenVINO in it outlives its networks."""

import signal
import subprocess
import sys

import pytest

pytest.importorskip("openvino")

A_SIGNAL_AFTERWARDS = """
import os, signal
import torch
from nerveceg.engines import OpenVino
from nerveceg.engines.graph import trace
from nerveceg.models.classifier import Classifier

told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append("told"))
graph = trace(Classifier("test_efficientnet").eval(), (32, 32))
frames = torch.zeros(1, 1, 32, 32)
networks = [OpenVino().open(graph) for _ in range(3)]
for _ in range(3):
    networks.pop(0)(frames)
    os.kill(os.getpid(), signal.SIGUSR1)
print(*told)
"""

ASKED_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from nerveceg.engines.open_vino import core

with ThreadPoolExecutor(8) as threads:
    cores = list(threads.map(lambda _: core(), range(8)))
print(len({id(each) for each in cores}))
"""


def run(code):
    """A Python process that it may end."""
    words = [sys.executable, "-X", "faulthandler", "-c", code]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_signal_is_survived_whichever_network_went_first():
    ran = run(A_SIGNAL_AFTERWARDS)
    assert ran.returncode != -signal.SIGSEGV, "a stack for signals was taken away"
    assert ran.stdout.split() == ["told"] * 3, ran.stderr


def test_threads_that_ask_at_once_get_the_same_core():
    ran = run(ASKED_AT_ONCE)
    assert ran.stdout.split() == ["1"], ran.stderr
