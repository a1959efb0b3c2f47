"""The web page: what lies where, and which control calls what."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nerveceg.errors import NerveCegError
from nerveceg.outputs.app.answer_card import EMPTY, UNCALIBRATED
from nerveceg.outputs.app.desk import Desk, Shown
from nerveceg.outputs.app.rules import CHOICES, MINE, OWN, Controls, rule_in_words, start_of
from nerveceg.outputs.notice import RESEARCH_USE

if TYPE_CHECKING:
    import gradio as gr

STYLE = Path(__file__).with_name("style.css")
_HOUR = 3600
_LARGEST_AREA = 20_000


class Parts(NamedTuple):
    """What the page is made of: five controls, then what starts an event, then what shows it."""

    choice: "gr.Radio"
    presence: "gr.Slider"
    mask: "gr.Slider"
    area: "gr.Slider"
    explain: "gr.Checkbox"
    examples: "list[gr.Button]"
    file: "gr.File"
    turn: "gr.Slider"
    complaint: "gr.HTML"
    picture: "gr.HTML"
    answer: "gr.HTML"
    mask_file: "gr.DownloadButton"
    overlay_file: "gr.DownloadButton"

    @property
    def controls(self) -> "list[Any]":
        """Whose values every event needs."""
        return [*self[:5]]

    @property
    def shown(self) -> "list[Any]":
        """What every event changes, as `_updates` has it."""
        return [*self[6:]]


def make_page(desk: Desk, *, run: str) -> "gr.Blocks":
    """The page of a service, ready to be launched; run: what the trained run is called."""
    import gradio as gr

    page: gr.Blocks
    with gr.Blocks(
        title=f"NerveCeg: {run}", analytics_enabled=False, delete_cache=(_HOUR // 6, _HOUR)
    ) as page:
        gr.HTML(_head(desk, run), elem_id="head")
        with gr.Row(elem_id="work"):
            with gr.Column(elem_id="input", min_width=0):
                file, examples = _input(desk)
            with gr.Column(elem_id="output", min_width=0):
                output = _output()
            with gr.Column(elem_id="rule", min_width=0):
                controls = _controls(desk)
        _wire(desk, page, Parts._make([*controls, examples, file, *output]))
        _answer_programs(desk)
    return page


def _head(desk: Desk, run: str) -> str:
    from html import escape

    warning = "" if desk.service.calibrated else f'<p class="warning">{UNCALIBRATED}</p>'
    return (
        f"<h1>NerveCeg <small>{escape(run)}</small></h1>"
        f'<p class="notice" role="note">{RESEARCH_USE}</p>{warning}'
    )


def _input(desk: Desk) -> "tuple[gr.File, list[gr.Button]]":
    import gradio as gr

    file = gr.File(label="Frame, DICOM or clip", elem_id="file", height=170)
    gr.HTML(
        f'<p class="hint">TIFF, PNG, JPEG, BMP, ultrasound DICOM, MP4 or AVI; at most '
        f"{desk.settings.largest_upload} MB and {desk.settings.longest_clip:,} pictures. Files "
        "are deleted after use.</p>"
    )
    examples = [
        gr.Button(upload.name, size="sm", elem_classes="example") for upload in desk.examples
    ]
    return file, examples


def _controls(desk: Desk) -> "list[Any]":
    import gradio as gr

    own = desk.service.pipeline.rule
    start = start_of(own)
    choice = gr.Radio([*CHOICES], value=OWN, label="Rule", info=f"Own: {rule_in_words(own)}")
    with gr.Group(visible=False, elem_id="mine") as mine:
        presence = gr.Slider(0, 1, start.presence, step=0.01, label="Presence must be above")
        mask = gr.Slider(0.01, 1, start.mask, step=0.01, label="Pixel probability from")
        area = gr.Slider(
            0,
            max(_LARGEST_AREA, own.area),
            start.area,
            step=10,
            label="Least area of a mask, pixels",
        )
    choice.input(
        lambda chosen: gr.update(visible=chosen == MINE),
        choice,
        mine,
        api_visibility="private",
        queue=False,
    )
    explain = gr.Checkbox(label="Show where the networks look (Grad-CAM)", elem_id="explain")
    return [choice, presence, mask, area, explain]


def _output() -> "list[Any]":
    import gradio as gr

    complaint = gr.HTML(elem_id="complaint")
    turn = gr.Slider(1, 2, 1, step=1, label="Picture of the clip", visible=False, elem_id="turn")
    picture = gr.HTML(EMPTY, elem_id="picture")
    answer = gr.HTML(elem_id="answer")
    with gr.Row():
        mask_file = gr.DownloadButton(
            "Mask (PNG)", interactive=False, size="md", elem_id="mask-file", min_width=120
        )
        overlay_file = gr.DownloadButton(
            "Overlay (PNG)", interactive=False, size="md", elem_id="overlay-file", min_width=120
        )
    return [turn, complaint, picture, answer, mask_file, overlay_file]


def _wire(desk: Desk, page: "gr.Blocks", parts: Parts) -> None:
    """Each event to the desk: the browser's own session, the controls, and what is shown after."""
    import gradio as gr

    def call(event: Any, act: Callable[..., Shown], *inputs: Any) -> None:
        def run(request: gr.Request, *values: Any) -> list[Any]:
            *before, choice, presence, mask, area, explain = values
            controls = Controls(choice, presence, mask, area)
            session = desk.sessions.of(str(request.session_hash))
            return _updates(act(session, *before, controls, explain))

        event(
            run,
            [*inputs, *parts.controls],
            parts.shown,
            api_visibility="private",
            trigger_mode="always_last",
            show_progress="minimal",
            show_progress_on=[parts.picture],
        )

    def gone(request: gr.Request) -> None:
        desk.sessions.close(str(request.session_hash))

    call(parts.file.upload, desk.open_file, parts.file)
    call(parts.turn.input, desk.turn, parts.turn)
    for number, button in enumerate(parts.examples):
        call(button.click, _open_example(desk, number))
    for control in parts.controls:
        call(control.input, desk.redraw)
    page.unload(gone)


def _open_example(desk: Desk, number: int) -> Callable[..., Shown]:
    return lambda session, controls, explain: desk.open_example(session, number, controls, explain)


def _updates(shown: Shown) -> list[Any]:
    """What the components of `Parts.shown` take."""
    import gradio as gr

    several = shown.pictures > 1
    files = shown.downloads or (None, None)
    return [
        None,  # the file is taken, the place for the next one is free
        gr.update(value=shown.place + 1, maximum=max(shown.pictures, 2), visible=several),
        shown.complaint,
        shown.picture,
        shown.answer,
        *(gr.update(value=file and str(file), interactive=bool(file)) for file in files),
    ]


def _answer_programs(desk: Desk) -> None:
    """The one call that programs make, `/predict`."""
    import gradio as gr

    def predict(file: str, picture: float) -> tuple[dict[str, Any], str]:
        try:
            said, mask = desk.predict(Path(file), int(picture))
        except NerveCegError as error:
            raise gr.Error(" ".join(str(error).split())) from None
        return said, str(mask)

    with gr.Group(visible=False):
        file, picture = gr.File(label="file"), gr.Number(0, label="picture", precision=0)
        said, mask = gr.JSON(label="answer"), gr.File(label="mask")
        gr.Button().click(
            predict,
            [file, picture],
            [said, mask],
            api_name="predict",
            api_description="A frame, or a picture of a clip, to what the run says of it and why.",
        )
