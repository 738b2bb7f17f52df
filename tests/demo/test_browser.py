"""The page in a real browser, as a person uses it. Debian's chromium; nothing leaves this machine."""

import csv
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
import uvicorn
from browsing import CHROMIUM, PHONE, browsing
from PIL import Image

from awcu.commands.demo import load_models
from awcu.commands.serving import listen
from awcu.demo.app import EXAMPLES, WEB, create_app
from awcu.demo.limits import Limits
from awcu.images.decoding import decode
from awcu.inference.predictor import AestheticModel
from awcu.inference.wording import heading
from awcu.models.pretrained import BUNDLED
from awcu.models.purpose import purpose

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
    pytest.mark.usefixtures("one_thread"),
]


@contextmanager
def serving(checkpoint, second):
    """Of a server in a thread; without a checkpoint, with the package's model."""
    app = create_app(load_models(checkpoint, second, "cpu"), Limits(photographs=100), threads=2)
    with listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def address(checkpoint):
    """Of a page with a model that knows attributes, and the package's beside it."""
    with serving(str(checkpoint), str(BUNDLED)) as address:
        yield address


@pytest.fixture
def page(address):
    with browsing(address) as page:
        yield page


@pytest.fixture
def photograph(tmp_path):
    """Twelve megapixels."""
    path = tmp_path / "holiday at sea.jpg"
    with Image.open(WEB / "examples" / "sunset.jpg") as small:
        small.resize((4000, 3000), Image.Resampling.BICUBIC).save(path, quality=92)
    return path


def saved(page, button):
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return download.value.suggested_filename, Path(download.value.path())


def explained(page, path):
    page.set_input_files("#file", path)
    page.wait_for_selector("#one-result:not([hidden])")
    page.wait_for_selector("#status:empty", state="attached")


def veil(page):
    return float(page.eval_on_selector("#one-result .veil", "element => getComputedStyle(element).opacity"))


class TestOne:
    def test_upload_map_slider_and_crop(self, page, photograph):
        explained(page, photograph)
        assert page.text_content("h2") in ("High", "Low")
        assert "probability of high " in page.text_content("[data-part=verdict]")
        assert "Better than" in page.text_content("[data-part=rank]")
        layer = "#one-result .layer"
        assert page.eval_on_selector(layer, "element => element.naturalWidth") == 160
        assert veil(page) == pytest.approx(0.35)
        # By the keyboard.
        page.focus("#opacity")
        for _ in range(15):
            page.keyboard.press("ArrowRight")
        assert veil(page) == pytest.approx(0.5)
        assert page.text_content("output[for=opacity]") == "50 %"
        before = page.get_attribute(layer, "src")
        page.get_by_role("button", name="outdoors").click()
        assert page.get_attribute(layer, "src") != before
        assert page.text_content("[data-part=map-title]") == "outdoors"
        page.get_by_text("1:1", exact=True).click()
        name, path = saved(page, "Save crop")
        assert name == "holiday at sea-crop.jpg"
        wide, high = decode(path).shape[1::-1]
        assert f"{wide} × {high} px" in page.text_content("[data-part=proposals] [aria-pressed=true]")
        assert wide == high >= 1500

    def test_the_frame_lies_where_the_crop_is(self, page, photograph):
        explained(page, photograph)
        page.get_by_text("2:3", exact=True).click()
        stage, frame = (page.locator(f"#one-result .{name}").bounding_box() for name in ("stage", "frame"))
        _, path = saved(page, "Save crop")
        high, wide = decode(path).shape[:2]
        assert frame["width"] / stage["width"] == pytest.approx(wide / 4000, abs=0.01)
        assert frame["height"] / stage["height"] == pytest.approx(high / 3000, abs=0.01)

    def test_an_example_and_its_sheet(self, page):
        page.get_by_role("button", name="a rendered still life").click()
        page.wait_for_selector("#one-result:not([hidden])")
        name, path = saved(page, "Save explanation")
        assert name == "still-life-explained.png"
        with Image.open(path) as sheet:
            assert sheet.width == 1500

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"these are only words", "holiday.jpg: not an image in a format that is read here"),
            (b"", "holiday.jpg: zero bytes"),
            ((WEB / "examples" / "boat.jpg").read_bytes()[:5000], "holiday.jpg: damaged or cut short"),
        ],
        ids=["text", "empty", "truncated"],
    )
    def test_what_is_no_photograph_is_a_sentence(self, page, tmp_path, content, says):
        (tmp_path / "holiday.jpg").write_bytes(content)
        page.set_input_files("#file", tmp_path / "holiday.jpg")
        page.wait_for_selector("#error:not(:empty)")
        assert says in page.text_content("#error")
        assert page.locator("#one-result").is_hidden()

    def test_a_pasted_photograph(self, page):
        page.evaluate(
            """async (url) => {
                const blob = await (await fetch(url)).blob();
                const clipboardData = new DataTransfer();
                clipboardData.items.add(new File([blob], "clip.jpg", { type: blob.type }));
                window.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
            }""",
            "web/examples/boat.jpg",
        )
        page.wait_for_selector("#one-result:not([hidden])")

    def test_a_dropped_photograph(self, page):
        page.evaluate(
            """async (url) => {
                const blob = await (await fetch(url)).blob();
                const dataTransfer = new DataTransfer();
                dataTransfer.items.add(new File([blob], "drop.jpg", { type: blob.type }));
                window.dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
            }""",
            "web/examples/boat.jpg",
        )
        page.wait_for_selector("#one-result:not([hidden])")


class TestMany:
    def test_ranked_with_a_csv_and_the_bad_one_named(self, page, tmp_path):
        (tmp_path / "=bad.jpg").write_bytes(b"words")
        page.get_by_role("tab", name="Many").click()
        page.set_input_files("#files", [*(WEB / "examples" / name for name in EXAMPLES), tmp_path / "=bad.jpg"])
        page.get_by_text(f"{len(EXAMPLES) + 1} of {len(EXAMPLES) + 1}, 1 unreadable").wait_for()
        _, path = saved(page, "Save CSV")
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        scores = [float(row["score"]) for row in rows[:-1]]
        assert scores == sorted(scores, reverse=True)
        assert [int(row["rank"]) for row in rows[:-1]] == list(range(1, len(EXAMPLES) + 1))
        # No formula to a spreadsheet.
        assert rows[-1]["path"] == "'=bad.jpg"
        assert rows[-1]["error"].startswith("'=bad.jpg: not an image")
        shown = page.locator("#rows tr td.left").all_text_contents()
        assert shown[0] == rows[0]["path"]
        assert "=bad.jpg: not an image" in shown[-1]
        # A click shows why.
        page.get_by_role("button", name=rows[0]["path"], exact=True).click()
        page.wait_for_selector("#one-result:not([hidden])")

    def test_two_hundred_at_once(self, page, tmp_path):
        tiny = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
        paths = [tmp_path / f"{place:03d}.jpg" for place in range(200)]
        for path in paths:
            tiny.save(path)
        page.get_by_role("tab", name="Many").click()
        page.set_input_files("#files", paths)
        page.get_by_text("200 photographs: this page takes 100 at once").wait_for()
        page.get_by_text("100 of 100").wait_for()
        assert page.locator("#rows tr").count() == 100


def test_two_models(page, photograph):
    explained(page, photograph)
    page.get_by_role("tab", name="One photograph").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#two-result:not([hidden])")
    assert page.locator("#pair figcaption b").all_text_contents() == [BUNDLED.name, "model.ckpt", "Difference"]
    assert "their maps" in page.text_content("#two-sentence")


def test_by_keyboard_alone(page):
    """Tab to the first example, Enter, and on to a map."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.example"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#one-result:not([hidden])")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.maps') !== null"):
            break
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.text_content("[data-part=map-title]") != "Evidence (AesAM)"


def test_the_packages_model_says_what_it_is_for_and_what_it_says(photograph):
    with serving(None, None) as address, browsing(address) as page:
        model = AestheticModel.from_pretrained(BUNDLED, "cpu")
        expected = heading(model.explain(photograph))
        explained(page, photograph)
        assert page.text_content("[role=note]") == purpose(model.config.trained_on).model
        assert page.text_content("h2") == expected.level
        assert page.text_content("[data-part=verdict]") == expected.verdict
        assert page.text_content("[data-part=rank]") == expected.place
        assert page.locator("[data-part=maps] button").count() == 1 + len(model.config.attribute_names)
        assert page.locator("#tab-two").count() == 0


@pytest.mark.parametrize("view", ["one", "many", "two"])
def test_fits_a_phone_in_the_dark(address, photograph, view):
    with browsing(address, **PHONE) as page:
        explained(page, photograph)
        page.click(f"#tab-{view}")
        if view == "many":
            page.set_input_files("#files", [WEB / "examples" / name for name in EXAMPLES])
            page.get_by_text(f"{len(EXAMPLES)} of {len(EXAMPLES)}").wait_for()
        if view == "two":
            page.wait_for_selector("#two-result:not([hidden])")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in ground.removeprefix("rgb(").rstrip(")").split(",")) < 60


def test_two_people_at_once(address, photograph):
    def visit(name):
        with browsing(address) as page:
            page.click(f"[data-example='{name}']")
            page.wait_for_selector("#one-result:not([hidden])")
            return page.text_content("[data-part=detail]")

    names = ["boat.jpg", "flower.jpg"]
    alone = [visit(name) for name in names]
    with ThreadPoolExecutor(2) as visitors:
        assert list(visitors.map(visit, names)) == alone
    assert alone[0] != alone[1]


def test_a_browser_that_closes_half_way_harms_nobody(address, photograph):
    with browsing(address) as page:
        page.set_input_files("#file", photograph)
    with browsing(address) as page:
        explained(page, photograph)
    assert torch.get_num_threads() == 1
