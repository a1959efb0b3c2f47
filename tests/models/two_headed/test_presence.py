import torch

from nerveceg.models.two_headed.presence import PresenceHead


def by_place(head, weight):
    """Makes the head's logit the weighted sum of its cells' values."""
    with torch.no_grad():
        head.cell.weight.fill_(1)
        head.weigh.weight.copy_(weight.reshape(1, -1))


def test_the_logit_weighs_each_cell_by_its_place():
    head = PresenceHead(3, size=(40, 64), stride=16)
    features = torch.randn(2, 3, 3, 4)
    cells = torch.einsum("nchw,c->nhw", features, head.cell.weight[0, :, 0, 0]).sigmoid()
    expected = cells.flatten(1) @ head.weigh.weight[0]
    assert head.weigh.in_features == 3 * 4
    assert torch.allclose(head(features, (40, 64)), expected, atol=1e-6)


def test_the_cells_of_a_frame_of_another_size_are_read_at_the_same_places():
    """A logistic ramp over the frame is told alike from a frame twice as large, padded or not."""
    head = PresenceHead(1, size=(80, 112), stride=16)
    by_place(head, torch.arange(35.0))

    def ramp(rows, columns, scale):
        down, along = (torch.arange(count) + 0.5 for count in (rows, columns))
        value = 0.2 + (0.05 * down[:, None] + 0.03 * along) / scale
        return value.logit()[None, None]

    own = head(ramp(5, 7, 1), (80, 112))
    assert torch.allclose(head(ramp(10, 14, 2), (160, 224)), own, atol=1e-4)
    assert torch.allclose(head(ramp(12, 17, 2), (160, 224)), own, atol=1e-4), "padding counts"
    assert not torch.allclose(head(ramp(10, 14, 1), (160, 224)), own, atol=1e-2)


def test_presence_starts_undecided():
    torch.manual_seed(0)
    head = PresenceHead(32, size=(160, 160), stride=16)
    assert head(torch.randn(8, 32, 10, 10), (160, 160)).abs().max() < 2
