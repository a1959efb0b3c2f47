import os

import pytest
import torch

from nerveceg.errors import NerveCegError
from nerveceg.runtime import Runtime

CPU = Runtime(device="cpu")


@pytest.mark.parametrize(
    ("values", "named", "wanted"),
    [
        ({"device": "gpu"}, "runtime.device=gpu", "cuda"),
        ({"precision": "half"}, "runtime.precision=half", "bfloat16"),
        ({"workers": "many"}, "runtime.workers=many", "-1"),
        ({"workers": -2}, "runtime.workers=-2", "-1"),
        ({"batch_size": 0}, "runtime.batch_size=0", "auto"),
        ({"batch_size": "many"}, "runtime.batch_size=many", "auto"),
        ({"save_every": "often"}, "runtime.save_every=often", "null"),
    ],
)
def test_an_unknown_choice_is_named_with_those_that_exist(values, named, wanted):
    with pytest.raises(NerveCegError) as caught:
        Runtime(**values)
    assert named in str(caught.value)
    assert wanted in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_said_so_in_one_line(device):
    with pytest.raises(NerveCegError, match="runtime.device=cpu or auto") as caught:
        Runtime(device=device)
    assert "\n" not in str(caught.value)


def test_auto_takes_the_gpu_where_there_is_one():
    wanted = "cuda" if torch.cuda.is_available() else "cpu"
    assert Runtime().torch_device.type == wanted


def test_a_cpu_runs_in_float32_and_in_one_process_unless_told_otherwise():
    assert not CPU.bfloat16
    assert CPU.worker_count == 0
    assert CPU.describe() == f"cpu, {torch.get_num_threads()} threads, float32"


@pytest.mark.parametrize("workers", [0, 3])
def test_as_many_workers_as_asked_for(workers):
    assert Runtime(device="cpu", workers=workers).worker_count == workers


@pytest.mark.parametrize(
    ("precision", "expected"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_networks_run_at_the_precision_asked_for(precision, expected):
    runtime = Runtime(device="cpu", precision=precision)
    layer = runtime.place(torch.nn.Conv2d(2, 3, 3))
    with runtime.autocast():
        assert layer(torch.rand(1, 2, 8, 8)).dtype == expected
    assert layer.weight.dtype == torch.float32
    assert runtime.describe().endswith(precision)


@pytest.mark.parametrize("channels_last", [True, False])
def test_weights_lie_in_the_memory_layout_asked_for(channels_last):
    layer = Runtime(device="cpu", channels_last=channels_last).place(torch.nn.Conv2d(4, 3, 3))
    last = layer.weight.is_contiguous(memory_format=torch.channels_last)
    assert last == channels_last


def test_repeatable_steps_are_asked_for_while_a_run_lasts(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with CPU.repeatable():
        assert not torch.are_deterministic_algorithms_enabled()
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    exact = Runtime(device="cpu", deterministic=True)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    with exact.repeatable():
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_fewer_than_one_update_between_states_is_refused():
    with pytest.raises(NerveCegError, match="runtime.save_every=0: 1 update or more"):
        Runtime(device="cpu", save_every=0)
