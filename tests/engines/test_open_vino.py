"""A process with OpenVINO in it outlives its networks."""

import signal
import subprocess
import sys

import pytest

pytest.importorskip("openvino")

A_SIGNAL_AFTERWARDS = """
import os, signal, sys
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


def test_a_signal_is_survived_whichever_network_went_first():
    ran = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", A_SIGNAL_AFTERWARDS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != -signal.SIGSEGV, "a stack for signals was taken away"
    assert ran.stdout.split() == ["told"] * 3, ran.stderr
