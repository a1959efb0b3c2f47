import torch

from nerveceg.training.rollback import Buffers


def test_a_batch_of_no_numbers_leaves_no_trace_in_running_statistics():
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    network(torch.rand(5, 3))
    buffers = Buffers(network)
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network(torch.full((5, 3), torch.nan))
    assert network[1].running_mean.isnan().all()
    buffers.restore()
    assert all(torch.equal(before[name], buffer) for name, buffer in network.named_buffers())
    network(torch.rand(5, 3))
    buffers.keep()
    kept = network[1].running_mean.clone()
    network(torch.rand(5, 3))
    buffers.restore()
    assert torch.equal(network[1].running_mean, kept)
