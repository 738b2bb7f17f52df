"""The page as a visitor's browser talks to it: real photographs to a real network, and everything that is none."""

import asyncio
import base64
import io
import json
import re
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from awcu.commands.serving import LOOPBACK
from awcu.datasets import gallery
from awcu.demo.app import EXAMPLES, WEB, ServedModel, create_app
from awcu.demo.limits import Limits
from awcu.inference.predictor import AestheticModel
from awcu.models.objective import Score

pytestmark = pytest.mark.usefixtures("one_thread")


def picture(height=60, width=90, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))


def encoded(image, kind="JPEG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


JPEG = encoded(picture(), quality=95)


@pytest.fixture(scope="session")
def model(checkpoint):
    return AestheticModel.from_pretrained(checkpoint, "cpu")


@pytest.fixture(scope="session")
def second(checkpoint):
    """The same network with the aesthetic head turned round."""
    turned = AestheticModel.from_pretrained(checkpoint, "cpu")
    with torch.no_grad():
        turned.net.aesthetic_head.weight.neg_()
        turned.net.aesthetic_head.bias.neg_()
    return turned


@pytest.fixture
def serve(model, second):
    """Start the page; `several=False` for one model only."""
    opened = []

    def start(several=True, **limits):
        models = [ServedModel("mine", model), *([ServedModel("other", second)] if several else [])]
        client = TestClient(create_app(models, Limits(**limits), threads=2), raise_server_exceptions=False)
        opened.append(client)
        return client.__enter__()

    yield start
    for client in opened:
        client.__exit__()


@pytest.fixture
def page(serve):
    return serve()


def pixels(uri):
    kind, data = uri.removeprefix("data:image/").split(";base64,")
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.format.lower() == kind
        return np.asarray(image)


class TestPage:
    def test_says_what_it_needs_and_loads_nothing_from_elsewhere(self, page):
        answer = page.get("/")
        assert answer.status_code == 200
        assert "http://" not in answer.text.replace("http://www.w3.org", "")
        assert "https://" not in answer.text
        about = json.loads(re.search(r'id="about">(.*?)</script>', answer.text).group(1))
        assert about["models"] == ["mine", "other"]
        assert about["columns"][:3] == ["path", "score", "rating"]
        assert about["columns"][-3:] == ["indoors", "outdoors", "error"]
        assert about["limits"]["megabytes"] == Limits().megabytes

    @pytest.mark.parametrize("name", ["page.css", "page.js", "icon.svg", *(f"examples/{name}" for name in EXAMPLES)])
    def test_its_files(self, page, name):
        answer = page.get(f"/web/{name}")
        assert answer.content == (WEB / name).read_bytes()
        assert "default-src 'none'" in answer.headers["content-security-policy"]

    @pytest.mark.parametrize("name", ["../app.py", "%2e%2e/app.py", "missing.js"])
    def test_nothing_else_is_given_out(self, page, name):
        assert page.get(f"/web/{name}").status_code == 404

    def test_one_model_has_no_second_view(self, serve):
        assert 'id="two"' not in serve(several=False).get("/").text

    @pytest.mark.parametrize(("name", "words"), [("gallery", "for trying the tool"), ("BIQ2021", "not beauty")])
    def test_what_the_model_is_for(self, checkpoint, name, words):
        of_set = AestheticModel.from_pretrained(checkpoint, "cpu")
        of_set.config = replace(of_set.config, trained_on=name)
        text = TestClient(create_app([ServedModel("small", of_set)])).get("/").text
        assert re.search(rf'role="note">[^<]*{words}', text)

    def test_a_column_for_ratings_where_the_model_knows_them(self, serve, model, monkeypatch):
        assert "probability of high</th>" in serve().get("/").text
        monkeypatch.setattr(model, "objective", Score((0.0, 5.0), 2.5))
        assert "rating (0–5)</th>" in serve().get("/").text

    def test_the_map_starts_faint(self, page):
        sliders = re.findall(r'type="range"[^>]*value="(\d+)"', page.get("/").text)
        assert sliders == ["35", "35"]


def test_examples_are_of_a_gallery_that_no_model_of_ours_learned_from():
    """Of seed 1, drawn larger; the models of the package learned from seed 0."""

    def small(image):
        return np.asarray(image.convert("L").resize((24, 24), Image.Resampling.BOX), dtype=float).ravel()

    index = {"boat": 4, "flower": 25, "landscape": 21, "night": 10, "still-life": 17, "sunset": 33}
    shown = [small(Image.open(WEB / "examples" / f"{name}.jpg")) for name in index]
    rendered = [small(Image.fromarray(gallery.render(1, one, 64).image)) for one in index.values()]
    alike = np.corrcoef(shown, rendered)[: len(index), len(index) :]
    assert sorted(EXAMPLES) == [f"{name}.jpg" for name in index]
    assert alike.argmax(axis=1).tolist() == list(range(len(index)))
    assert alike.diagonal().min() > 0.5


class TestExplain:
    def test_is_what_the_model_says(self, page, model, tmp_path):
        (tmp_path / "b.jpg").write_bytes(JPEG)
        expected = model.explain(tmp_path / "b.jpg")
        said = page.post("/explain", params={"name": "b.jpg"}, content=JPEG).json()
        assert said["level"] == expected.verdict.level.capitalize()
        assert f"{expected.verdict.probability:.2f}".lstrip("0") in said["verdict"]
        assert said["size"] == [90, 60]
        assert [one["title"] for one in said["maps"]] == ["Evidence (AesAM)", "indoors", "outdoors"]
        assert [one["share"] for one in said["maps"][1:]] == pytest.approx(
            [expected.verdict.attributes[name] for name in ("indoors", "outdoors")], abs=1e-6
        )
        assert said["crops"]["1:1"] == [list(one.box) for one in expected.crops(1.0, top=3)]
        assert len(said["rank"]["marks"]) == 101

    def test_a_layer_is_the_maps_colours(self, page, model, tmp_path):
        (tmp_path / "b.jpg").write_bytes(JPEG)
        layer = pixels(page.post("/explain", content=JPEG).json()["maps"][0]["layer"])
        assert layer.shape == (107, 160, 4)
        values = cv2.resize(model.explain(tmp_path / "b.jpg").on_photograph(), (160, 107))
        sure = np.abs(values) > 0.2
        assert ((layer[..., 0] > layer[..., 2]) == (values > 0))[sure].mean() > 0.97
        # Opacity grows with the strength of the evidence.
        assert np.corrcoef(layer[..., 3].ravel(), np.sqrt(np.abs(values)).ravel())[0, 1] > 0.9

    def test_each_model_by_its_name(self, page):
        first, other = (
            page.post("/explain", params={"model": name}, content=JPEG).json() for name in ("mine", "other")
        )
        assert {first["level"], other["level"]} == {"High", "Low"}
        refused = page.post("/explain", params={"model": "none"}, content=JPEG)
        assert refused.status_code == 404
        assert refused.json()["error"] == "There is no model 'none' here; reload the page."

    def test_a_turned_photograph_is_shown_upright(self, page):
        exif = Image.Exif()
        exif[0x0112] = 6
        said = page.post("/explain", content=encoded(picture(), exif=exif)).json()
        assert said["size"] == [60, 90]
        assert pixels(said["photograph"]).shape[0] > pixels(said["photograph"]).shape[1]

    @pytest.mark.parametrize(
        "data",
        [
            encoded(picture().convert("CMYK")),
            encoded(picture().convert("L")),
            encoded(Image.fromarray(np.full((40, 50), 40_000, dtype=np.uint16)), "PNG"),
            encoded(picture(), "GIF", save_all=True, append_images=[picture(seed=1)], duration=100),
            encoded(picture().convert("RGBA"), "WEBP"),
            encoded(picture(), "TIFF"),
            encoded(picture(), "JPEG2000"),
            encoded(picture(1, 1), "PNG"),
        ],
        ids=["CMYK", "grey", "16 bits", "animated", "transparent", "TIFF", "JPEG 2000", "one pixel"],
    )
    def test_odd_photographs(self, page, data):
        said = page.post("/explain", content=data)
        assert said.status_code == 200
        assert pixels(said.json()["photograph"]).ndim == 3


def bomb(width, height):
    """A PNG that declares any number of pixels in a hundred bytes."""

    def chunk(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 2, 0, 0, 0])
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


class TestBadInput:
    @pytest.mark.parametrize("path", ["explain", "score", "compare", "crop?box=0,0,9,9", "sheet?box=0,0,9,9"])
    @pytest.mark.parametrize(
        ("data", "status", "says"),
        [
            (b"", 422, "zero bytes; fetch"),
            (b"not a photograph at all", 422, "not an image in a format that is read here"),
            (JPEG[:900], 422, "damaged or cut short"),
            (bomb(9000, 9000), 413, "declares 9000 × 9000 pixels, more than 60 megapixels; send a smaller copy"),
            (bomb(60_000, 60_000), 422, "declares more pixels than Pillow may read here"),
        ],
        ids=["empty", "text", "truncated", "large", "bomb"],
    )
    def test_is_a_sentence_with_the_files_name(self, page, path, data, status, says):
        answer = page.post(f"/{path}{'&' if '?' in path else '?'}name=holiday.jpg", content=data)
        assert answer.status_code == status
        sentence = answer.json()["error"]
        assert sentence.startswith("holiday.jpg")
        assert says in sentence
        assert not re.search(r"(?<!\w)/\w+/", sentence)

    @pytest.mark.parametrize("declared", [True, False], ids=["declared", "streamed"])
    def test_a_file_that_is_too_large(self, serve, declared):
        data = bytes(1_000_001)
        answer = serve(megabytes=1).post("/score?name=big.tif", content=data if declared else iter([data]))
        assert (answer.status_code, answer.json()["error"]) == (
            413,
            "big.tif is larger than 1 MB; send a smaller copy.",
        )

    def test_names_are_text_and_short(self, page):
        name = "<img src=x onerror=alert(1)>" + "x" * 1000
        error = page.post("/explain", params={"name": name}, content=b"").json()["error"]
        assert error.startswith(name[:200] + ": zero bytes")

    @pytest.mark.parametrize(
        ("box", "says"),
        [
            ("", "A crop needs box=left,top,right,bottom in pixels."),
            ("1,2,3", "A crop needs box="),
            ("a,b,c,d", "A crop needs box="),
            ("0,0,91,60", "91"),
            ("50,0,40,60", "50"),
        ],
    )
    @pytest.mark.parametrize("path", ["crop", "sheet"])
    def test_boxes(self, page, path, box, says):
        answer = page.post(f"/{path}", params={"box": box}, content=JPEG)
        assert answer.status_code == 400
        assert says in answer.json()["error"]

    def test_one_model_cannot_be_compared(self, serve):
        answer = serve(several=False).post("/compare", content=JPEG)
        assert (answer.status_code, answer.json()["error"]) == (
            404,
            "This server has one model; start it with --compare MODEL to see two.",
        )

    def test_what_nobody_foresaw_is_said_without_its_insides(self, serve, model, monkeypatch):
        monkeypatch.setattr(model, "explain", lambda _: 1 / 0)
        answer = serve().post("/explain", content=JPEG)
        assert (answer.status_code, answer.json()["error"]) == (
            500,
            "The server failed on this photograph; its log says why.",
        )


class TestScore:
    def test_a_row_as_awcu_score_writes_it(self, page, model, tmp_path):
        (tmp_path / "b.jpg").write_bytes(JPEG)
        verdict = model.score([tmp_path / "b.jpg"])[0]
        row = page.post("/score", params={"name": "b.jpg"}, content=JPEG).json()
        assert row["path"] == "b.jpg"
        assert row["score"] == pytest.approx(verdict.score, abs=1e-6)
        assert row["probability"] == pytest.approx(verdict.probability, abs=1e-6)
        assert row["indoors"] == pytest.approx(verdict.attributes["indoors"], abs=1e-6)
        assert max(pixels(row["thumbnail"]).shape) == 120


def test_compare_gives_both_answers_and_their_difference(page):
    said = page.post("/compare", content=JPEG).json()
    alone = [page.post("/explain", params={"model": name}, content=JPEG).json() for name in ("other", "mine")]
    assert [one["detail"] for one in said["models"]] == [one["detail"] for one in alone]
    assert said["sentence"].startswith("“other” judges it ")
    assert said["difference"]["ends"] == ["“mine” less", "0", "“mine” more"]
    assert pixels(said["difference"]["layer"]).shape[2] == 4


class TestFiles:
    def test_a_crop_is_cut_from_the_file_at_its_full_size(self, page):
        answer = page.post("/crop", params={"name": "péché.jpg", "box": "10,5,70,45"}, content=JPEG)
        assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''p%C3%A9ch%C3%A9-crop.jpg"
        with Image.open(io.BytesIO(answer.content)) as crop, Image.open(io.BytesIO(JPEG)) as whole:
            assert (crop.size, crop.format) == ((60, 40), "JPEG")
            close = np.abs(np.asarray(crop, dtype=int) - np.asarray(whole.crop((10, 5, 70, 45)), dtype=int))
            assert close.mean() < 2

    def test_a_sheet_is_a_picture(self, page):
        answer = page.post("/sheet", params={"name": "b.png", "box": "10,5,70,45"}, content=JPEG)
        assert answer.headers["content-disposition"].endswith("b-explained.png")
        with Image.open(io.BytesIO(answer.content)) as sheet:
            assert sheet.width == 1500


class TestOtherSites:
    def test_their_pages_send_no_photograph(self, page):
        answer = page.post("/explain", content=JPEG, headers={"Sec-Fetch-Site": "cross-site"})
        assert (answer.status_code, answer.json()["error"][:38]) == (403, "Another site sent this photograph; ope")
        for own in ("same-origin", "none"):
            assert page.post("/explain", content=JPEG, headers={"Sec-Fetch-Site": own}).status_code == 200

    def test_their_names_for_this_machine_are_not_answered(self, model):
        """A name of theirs that points here makes a page of theirs one of ours to the browser (DNS rebinding)."""
        app = create_app([ServedModel("mine", model)], names=LOOPBACK)
        for host, status in (("127.0.0.1:7860", 200), ("localhost", 200), ("[::1]:9", 200), ("evil.example", 400)):
            assert TestClient(app).get("/", headers={"Host": host}).status_code == status


class TestManyVisitors:
    @pytest.fixture
    def held(self, model, monkeypatch):
        """Judging waits until it is let go."""
        go, begun, explain = threading.Event(), threading.Semaphore(0), model.explain

        def waiting(photograph):
            begun.release()
            assert go.wait(60)
            return explain(photograph)

        monkeypatch.setattr(model, "explain", waiting)
        yield go, begun
        go.set()

    def test_no_more_than_may_wait(self, serve, held):
        page, (go, begun) = serve(waiting=2), held
        with ThreadPoolExecutor(2) as visitors:
            first = [visitors.submit(page.post, "/explain", content=JPEG) for _ in range(2)]
            for _ in first:
                assert begun.acquire(timeout=60)
            refused = page.post("/explain", content=JPEG)
            go.set()
            assert [one.result().status_code for one in first] == [200, 200]
        assert refused.status_code == 503
        assert refused.json()["error"] == "Too many photographs are waiting here; try again in a few seconds."
        assert page.post("/explain", content=JPEG).status_code == 200

    def test_what_takes_too_long_is_answered_all_the_same(self, serve, held):
        page, (go, _) = serve(seconds=1), held
        started = time.monotonic()
        answer = page.post("/explain?name=slow.jpg", content=JPEG)
        assert time.monotonic() - started < 20
        assert (answer.status_code, answer.json()["error"]) == (
            504,
            "slow.jpg took longer than 1 seconds; send a smaller copy.",
        )
        go.set()
        assert page.post("/explain", content=JPEG).status_code == 200

    def test_what_nobody_waits_for_is_not_decoded(self, serve, model, monkeypatch):
        """A visitor whose time is up frees the core."""
        until, explain, ended = [], model.explain, threading.Event()

        def late(photograph):
            until.append(photograph.until)
            time.sleep(1.2)
            try:
                return explain(photograph)
            finally:
                ended.set()

        forwards = []
        monkeypatch.setattr(model, "explain", late)
        monkeypatch.setattr(model, "averaged", lambda *_: forwards.append(1))
        assert serve(seconds=1).post("/explain", content=JPEG).status_code == 504
        assert ended.wait(20)
        assert until[0] <= time.monotonic()
        assert forwards == []

    def test_a_browser_that_goes_away_leaves_nothing(self, model):
        app = create_app([ServedModel("mine", model)], Limits(waiting=1))
        scope = {"type": "http", "method": "POST", "path": "/explain", "query_string": b"", "headers": []}
        sent = []
        parts = iter([{"type": "http.request", "body": JPEG[:100], "more_body": True}, {"type": "http.disconnect"}])

        async def receive():
            return next(parts)

        async def send(message):
            sent.append(message)

        asyncio.run(app(scope, receive, send))
        assert sent[0]["status"] == 400
        # The one place is free again.
        assert TestClient(app).post("/explain", content=JPEG).status_code == 200

    def test_answers_do_not_mix(self, page, model, tmp_path):
        photographs = [encoded(picture(seed=seed), "PNG") for seed in range(8)]
        alone = [page.post("/score", content=one).json()["score"] for one in photographs]
        with ThreadPoolExecutor(4) as visitors:
            together = list(visitors.map(lambda one: page.post("/score", content=one).json()["score"], photographs))
        assert together == pytest.approx(alone, abs=1e-5)
