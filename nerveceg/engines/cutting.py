"""A graph of OpenVINO's cut in two: the first convolutions apart from the rest."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import openvino

CONVOLUTIONS = ("Convolution", "GroupConvolution")


def cut(model: "openvino.Model", *, before: int) -> "list[openvino.Model]":
    """The model as two that follow each other, or as it is, where no cut suits.

    before: the most convolutions that come before the cut; it lies at the last place among them
    that everything flows through. The model is used up.
    """
    convolutions = [
        node for node in model.get_ordered_ops() if node.get_type_name() in CONVOLUTIONS
    ]
    for node in reversed(convolutions[1 : before + 1]):
        place = node.input_value(0)
        rest = _rest(model, place)
        if rest is not None:
            return [_first(model, place), rest]
    return [model]


def _first(model: "openvino.Model", place: Any) -> "openvino.Model":
    import openvino

    return openvino.Model([place], model.get_parameters())


def _rest(model: "openvino.Model", place: Any) -> "openvino.Model | None":
    """What follows the place; None, with the model as it was, where something flows past it."""
    import openvino
    from openvino import opset13

    users = list(place.get_target_inputs())
    frames = opset13.parameter(place.get_partial_shape(), place.get_element_type())
    for user in users:
        user.replace_source_output(frames.output(0))
    try:
        return openvino.Model(
            [result.output(0).get_node() for result in model.get_results()], [frames]
        )
    except RuntimeError:  # it still asks for the first model's frames
        for user in users:
            user.replace_source_output(place)
        return None
