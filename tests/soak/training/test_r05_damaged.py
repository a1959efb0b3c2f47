"""R5: a state or a file of weights that was cut off or changed in one bit is refused."""

import hashlib
import logging

import numpy as np
import pytest
import torch

from nerveceg.errors import NerveCegError
from nerveceg.models.saving import load_model, save_model
from nerveceg.training.checkpointing import States

EACH = 75


def cut(content, random):
    """Some bytes less."""
    return content[: random.integers(0, len(content))]


def flip(content, random):
    """One bit is another."""
    changed = bytearray(content)
    changed[random.integers(0, len(content))] ^= 1 << random.integers(0, 8)
    return bytes(changed)


DAMAGES = {"cut off": cut, "one bit flipped": flip}


@pytest.mark.soak
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_refused_and_the_one_before_is_used(tmp_path, figure, caplog, damage):
    caplog.set_level(logging.WARNING)
    states = States(tmp_path / "state")
    states.save({"updates": 1, "model": {"weight": torch.rand(30, 30)}})
    path = states.save({"updates": 2, "model": {"weight": torch.rand(30, 30)}})
    content, random = path.read_bytes(), np.random.default_rng(0)
    sound = hashlib.sha256(content).hexdigest()
    for _ in range(EACH):
        path.write_bytes(DAMAGES[damage](content, random))
        caplog.clear()
        assert States(tmp_path / "state").load()["updates"] == 1
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        assert all(word in caplog.text for word in (str(path), found, sound))
    figure("R5", f"states {damage}: {EACH} of {EACH} refused by sha256, the one before used")


@pytest.mark.soak
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_are_refused(tmp_path, make_classifier, figure, damage):
    save_model(make_classifier(0), tmp_path)
    path = tmp_path / "model.safetensors"
    content, random = path.read_bytes(), np.random.default_rng(1)
    sound = hashlib.sha256(content).hexdigest()
    for _ in range(EACH):
        path.write_bytes(DAMAGES[damage](content, random))
        with pytest.raises(NerveCegError) as caught:
            load_model(tmp_path)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        assert all(word in str(caught.value) for word in (str(path), found, sound))
    figure("R5", f"weights {damage}: {EACH} of {EACH} refused, file and both sha256 named")
