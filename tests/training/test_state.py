import pytest
import torch

from nerveceg.errors import NerveCegError
from nerveceg.training.state import load_state, save_state


def trained_optimizer():
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(
        [{"params": [model.weight]}, {"params": [model.bias], "weight_decay": 0.0}], lr=0.1
    )
    for _ in range(2):
        model(torch.rand(4, 3)).sum().backward()
        optimizer.step()
    return model, optimizer


def test_an_optimiser_goes_on_from_a_file_as_if_it_had_not_stopped(tmp_path):
    model, optimizer = trained_optimizer()
    save_state(tmp_path / "s.safetensors", {"optimizer": optimizer.state_dict()})
    other, resumed = trained_optimizer()
    other.load_state_dict(model.state_dict())
    resumed.load_state_dict(load_state(tmp_path / "s.safetensors")["optimizer"])
    for net, stepper in ((model, optimizer), (other, resumed)):
        net.weight.grad, net.bias.grad = torch.ones(2, 3), torch.ones(2)
        stepper.step()
    assert torch.equal(model.weight, other.weight)
    assert torch.equal(model.bias, other.bias)


def test_nested_values_come_back_with_their_types_and_keys(tmp_path):
    state = {
        "epoch": 3,
        "best": [0.25, 2],
        "slots": {0: {"step": torch.tensor(7.0)}, 1: {}},
        "half": [torch.ones(2, dtype=torch.bfloat16), None, True, "text"],
        "odd name/with slash": {"tensor": 1, "pairs": []},
        "low": -float("inf"),
    }
    save_state(tmp_path / "s.safetensors", state)
    read = load_state(tmp_path / "s.safetensors")
    assert torch.equal(read["slots"][0]["step"], torch.tensor(7.0))
    assert torch.equal(read["half"][0], state["half"][0])
    assert read["half"][0].dtype == torch.bfloat16
    for name in ("epoch", "best", "odd name/with slash", "low"):
        assert read[name] == state[name]
    assert read["slots"][1] == {}
    assert read["half"][1:] == [None, True, "text"]


def test_tensors_that_share_memory_or_are_strided_are_kept(tmp_path):
    whole = torch.arange(12.0).view(3, 4)
    save_state(tmp_path / "s.safetensors", {"a": whole, "b": whole, "c": whole.T})
    read = load_state(tmp_path / "s.safetensors")
    assert torch.equal(read["a"], whole)
    assert torch.equal(read["b"], whole)
    assert torch.equal(read["c"], whole.T)


def test_a_state_that_cannot_be_written_leaves_the_one_before(tmp_path):
    path = tmp_path / "s.safetensors"
    save_state(path, {"epoch": 1})
    with pytest.raises(TypeError):
        save_state(path, {"epoch": object()})
    assert load_state(path) == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["s.safetensors"]


@pytest.mark.parametrize("content", [None, b"", b"not safetensors at all, but text"])
def test_a_missing_or_damaged_state_is_named_in_one_line(tmp_path, content):
    path = tmp_path / "last.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NerveCegError, match="overwrite=true") as caught:
        load_state(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
