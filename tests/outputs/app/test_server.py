"""The page in a real browser, the call that programs make, and fifty ways to the wrong file."""

import json
import re
import shutil
import socket
import threading
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from nerveceg.errors import NerveCegError
from nerveceg.outputs.app import PageSettings, Service
from nerveceg.outputs.notice import RESEARCH_USE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTHS = [390, 1280]
pytestmark = pytest.mark.slow
browser_wanted = pytest.mark.skipif(CHROMIUM is None, reason="chromium isn't installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where temporary files go, so that what is left of them can be seen."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def settings():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return PageSettings(port=port, largest_upload=2, longest_clip=30)


@pytest.fixture(scope="module")
def address(tiny, settings, folder):
    """A server for all tests of the module; at its end nothing is left of it."""
    pytest.importorskip("gradio")
    import tempfile

    from nerveceg.outputs.app.server import serve

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(folder))
        with serve(Service(tiny), settings=settings, run="tiny & <b>small") as address:
            yield address.rstrip("/")
    assert not list(folder.glob("nerveceg-app-*"))


@pytest.fixture(scope="module")
def browser():
    driver = pytest.importorskip("playwright.sync_api")
    with driver.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def open_page(browser, address):
    """Opens the page at a width; it fails if a request goes elsewhere."""
    asked, pages = [], []

    def opened(width=1280, **options):
        page = browser.new_page(viewport={"width": width, "height": 800}, **options)
        page.on("request", lambda request: asked.append(request.url))
        pages.append(page)
        page.goto(address)
        page.get_by_role("button", name="Phantom, nerve in view").wait_for()
        return page

    yield opened
    for page in pages:
        page.close()
    strangers = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert asked
    assert not strangers


def upload(page, file):
    page.locator("#file input[type=file]").set_input_files(file)


@browser_wanted
def test_a_frame_is_uploaded_decided_under_two_rules_and_downloaded(
    open_page, tiny, frames, tmp_path
):
    page = open_page()
    assert page.get_by_role("note").inner_text() == RESEARCH_USE
    assert "not calibrated" in page.locator(".warning").inner_text()
    frame = next(one for one in frames if tiny.predict(one.image).mask.any())
    upload(page, frame.image)
    page.get_by_role("heading", name="Mask drawn").wait_for()
    assert "is above the threshold 0.50" in page.locator(".why").inner_text()
    assert page.get_by_alt_text("Ultrasound frame, with the contour of the mask").is_visible()

    with page.expect_download() as download:
        page.get_by_role("button", name="Mask (PNG)").click()
    download.value.save_as(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as mask:
        np.testing.assert_array_equal(np.array(mask) > 0, tiny.predict(frame.image).mask)
    with page.expect_download() as download:
        page.get_by_role("button", name="Overlay (PNG)").click()
    assert download.value.suggested_filename == f"{frame.id}_overlay.png"

    page.get_by_label("My thresholds").check()
    page.locator("#mine input[type=range]").first.fill("1")
    page.get_by_role("heading", name="Left empty").wait_for()
    assert "is not above the threshold 1.00" in page.locator(".why").inner_text()
    page.get_by_label("Show where the networks look").check()
    page.get_by_alt_text("Where the gate looks, as a heat map over the frame").wait_for()


@browser_wanted
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(open_page, width):
    page = open_page(width, color_scheme="dark")
    page.get_by_label("My thresholds").check()
    page.get_by_role("button", name="Phantom sweep").click()
    page.get_by_text("picture 1 of 24").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width


@browser_wanted
def test_it_works_with_the_keyboard_alone(open_page):
    page = open_page()
    example = page.get_by_role("button", name="Phantom sweep")
    for _ in range(12):
        page.keyboard.press("Tab")
        if example.evaluate("it => it === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.get_by_text("picture 1 of 24").wait_for()
    page.locator("#turn input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text("picture 2 of 24").wait_for()


@browser_wanted
def test_each_bad_file_gets_one_sentence_and_the_page_goes_on(open_page, frames, tmp_path):
    page = open_page()
    bad = {
        "note.txt": b"no image",
        "page.html": b"<html><script>alert(1)</script>",
        "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "<img src=x onerror=alert(1)>.png": b"<svg onload=alert(1)>",
    }
    page.on("dialog", lambda dialog: pytest.fail(f"a file ran: {dialog.message}"))
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        upload(page, tmp_path / name)
        shown = name.replace("<", "").replace(">", "")
        page.get_by_role("alert").filter(has_text=f"{shown} is no TIFF, PNG, JPEG").wait_for()
        assert page.locator(".answer").count() == 0
    upload(page, frames[0].image)
    page.locator(".answer").wait_for()
    assert page.get_by_role("alert").count() == 0


@browser_wanted
def test_what_a_browser_brought_goes_with_it(open_page, folder, frames):
    page = open_page()
    upload(page, frames[0].image)
    page.locator(".answer").wait_for()
    (kept,) = folder.glob("*/kept/*/upload.tif")
    page.close()
    gone = threading.Event()
    assert any(gone.wait(0.1) or not kept.exists() for _ in range(100))


def test_a_program_gets_the_pipelines_answer_by_one_call(address, tiny, frames, tmp_path):
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(address, verbose=False, download_files=tmp_path)
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/predict"]
    said, mask = client.predict(handle_file(frames[0].image), 0, api_name="/predict")
    wanted = tiny.predict(frames[0].image)
    assert said["presence"] == pytest.approx(wanted.presence, abs=1e-6)
    assert said["calibrated"] is False
    assert said["notice"] == RESEARCH_USE
    with Image.open(mask) as written:
        np.testing.assert_array_equal(np.array(written) > 0, wanted.mask)
    (tmp_path / "note.txt").write_text("no image")
    with pytest.raises(AppError, match=r"note\.txt is no TIFF"):
        client.predict(handle_file(tmp_path / "note.txt"), 0, api_name="/predict")


def test_fifty_ways_to_a_file_outside_of_the_uploads_lead_nowhere(address, folder, tmp_path):
    import httpx

    secret = tmp_path / "secret.txt"
    secret.write_text("the secret itself")
    (root,) = folder.glob("nerveceg-app-*")
    payloads = payloads_to(secret, root)
    assert len(payloads) == 50
    with httpx.Client(base_url=address, timeout=20) as client:
        for method, path, options in payloads:
            request = client.build_request(method, address, **options)
            request.url = request.url.copy_with(raw_path=path.encode())
            answer = client.send(request)
            assert "the secret itself" not in answer.text, path
            assert "root:" not in answer.text, path
            if method == "GET":
                assert answer.status_code >= 400, path
            elif "call" in path:
                event = client.get(f"{path}/{answer.json()['event_id']}").text
                assert event.startswith("event: error"), path
            else:
                (kept,) = answer.json()
                assert Path(kept).resolve().is_relative_to((root / "served").resolve()), kept
        assert client.get(f"/gradio_api/file={quote(kept)}").status_code == 200


def payloads_to(secret, root):
    """Requests that try to read the secret, the password file or the server's own files."""
    up = "../" * 12
    wanted = (str(secret), "/etc/passwd", str(Path(__file__)), f"{root}/examples/17_1.tif")
    spelt = [path for one in wanted for path in (one, f"/{one}", up + one[1:], quote(one, safe=""))]
    served = f"{root}/served"
    spelt += [
        f"{served}/..{secret}",
        f"{served}/{up}etc/passwd",
        f"{served}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        f"{served}/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        f"{served}/%252e%252e/%252e%252e/etc/passwd",
        f"{served}/..%5c..%5c..%5cetc%5cpasswd",
        "..%c0%af..%c0%af..%c0%afetc/passwd",
        "%00/etc/passwd",
        "/etc/passwd%00.png",
        "file:///etc/passwd",
        "http://127.0.0.1:1/etc/passwd",
        "https://example.invalid/x",
    ]
    reads = [("GET", f"/gradio_api/file={path}", {}) for path in spelt]
    reads += [("GET", f"/gradio_api/file/{path}", {}) for path in spelt[:4]]
    reads += [
        ("GET", f"/{door}/{up}etc/passwd", {}) for door in ("static", "assets", "svelte", "file=")
    ]
    reads += [("GET", f"/gradio_api/proxy={url}", {}) for url in ("http://127.0.0.1:1/", spelt[0])]
    calls = [
        ("POST", "/gradio_api/call/predict", {"json": {"data": [said(path), 0]}})
        for path in spelt[:4]
    ]
    names = ("../../pwned.png", "/pwned.png", "..\\..\\pwned.png", "pwned.png\0.html")
    named = ("..%2f..%2fpwned.png", "....//....//pwned.png", "~/pwned.png", "pwned\r\n.png")
    uploads = [
        ("POST", "/gradio_api/upload", {"files": {"files": (name, b"x")}})
        for name in (*names, *named)
    ]
    return [*reads, *calls, *uploads]


def said(path):
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def test_a_call_that_names_a_file_of_the_server_is_refused_and_the_file_stays(address, tmp_path):
    import httpx

    secret = tmp_path / "secret.png"
    Image.new("L", (20, 20)).save(secret)
    there = f"{address}/gradio_api/startup-events"
    for elsewhere in (there, "FILE:///etc/passwd", "https://example.invalid/a.png"):
        body = {"data": [said(elsewhere), 0]}
        assert httpx.post(f"{address}/gradio_api/call/predict", json=body).status_code == 404
    body = {"data": [said(str(secret)), 0]}
    begun = httpx.post(f"{address}/gradio_api/call/predict", json=body)
    event = begun.json()["event_id"]
    answer = httpx.get(f"{address}/gradio_api/call/predict/{event}", timeout=20).text
    assert "event: error" in answer
    assert "presence" not in answer
    assert secret.exists()


def test_a_file_beyond_the_limit_is_refused_at_the_door(address):
    import httpx

    files = {"files": ("large.png", bytes(2_100_000))}
    answer = httpx.post(f"{address}/gradio_api/upload", files=files, timeout=20)
    assert answer.status_code == 413


def test_strangers_files_are_inert_and_other_names_of_the_host_are_refused(address):
    import httpx

    files = {"files": ("page.html", b"<script>alert(1)</script>")}
    (path,) = json.loads(httpx.post(f"{address}/gradio_api/upload", files=files).text)
    answer = httpx.get(f"{address}/gradio_api/file={path}")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert httpx.get(address, headers={"host": "evil.example"}).status_code == 400
    start = httpx.get(address)
    assert "frame-ancestors 'none'" in start.headers["content-security-policy"]
    assert not re.search(r'(src|href)="https?://', start.text)


def test_a_port_that_is_taken_is_named_in_one_line(address, tiny, settings):
    from nerveceg.outputs.app.server import serve

    with (
        pytest.raises(NerveCegError, match=f"app.port={settings.port}.*app.port=OTHER"),
        serve(Service(tiny), settings=settings, run="second"),
    ):
        pass


def test_an_address_that_is_not_this_computers_is_told_so(tiny):
    from nerveceg.outputs.app.server import serve

    settings = PageSettings(host="192.0.2.1")
    with (
        pytest.raises(NerveCegError, match=r"app.host=192.0.2.1 .*127.0.0.1 is this computer"),
        serve(Service(tiny), settings=settings, run="elsewhere"),
    ):
        pass
