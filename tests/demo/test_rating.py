"""The page of awcu rate as a browser talks to it: photographs out, ratings in, and everything that is neither."""

import io
import json
import re
import threading

import numpy as np
import pytest
from PIL import Image, ImageCms
from starlette.testclient import TestClient

from awcu.commands.serving import LOOPBACK
from awcu.demo.rating import SHOWN, create_rating_app, shrunk
from awcu.demo.server import WEB
from awcu.errors import ImageError
from awcu.personal.head import LinearScore
from awcu.personal.ratings import open_ratings
from awcu.personal.session import Session

IMAGES = [f"sea/{place:02d}.jpg" for place in range(20)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos" / "sea").mkdir(parents=True)
    for place, image in enumerate(IMAGES):
        Image.new("RGB", (40, 30), (10 * place, 90, 90)).save(tmp_path / "photos" / image)
    return tmp_path / "photos"


@pytest.fixture
def ended():
    return threading.Event()


@pytest.fixture
def ratings(tmp_path):
    with open_ratings(tmp_path / "ratings.csv", 5) as ratings:
        yield ratings


@pytest.fixture
def app(folder, ratings, ended):
    features = np.random.default_rng(0).normal(size=(len(IMAGES), 6)).astype(np.float32)
    prior = LinearScore(np.ones(6), 0.0)

    def pictures(image):
        return shrunk(folder / image)

    def end():
        ended.set()
        return {"title": "Done", "words": ["Two words."], "command": ""}

    session = Session(IMAGES, features, prior, ratings, pictures)
    return create_rating_app(session, pictures, end, LOOPBACK)


@pytest.fixture
def page(app):
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as page:
        yield page


def post(page, path, **query):
    state = page.get("/state").json()
    return page.post(f"/{path}", params={"step": state["step"]} | query)


class TestPage:
    def test_says_what_it_needs_and_loads_nothing_from_elsewhere(self, page, ratings):
        answer = page.get("/")
        assert answer.status_code == 200
        assert "http" not in answer.text.replace('http-equiv="', "")
        about = json.loads(re.search(r'id="about">(.*?)</script>', answer.text).group(1))
        assert about == {"scale": [1, 2, 3, 4, 5], "file": str(ratings.path)}
        assert re.findall(r'data-rating="(\d)"', answer.text) == list("12345")

    @pytest.mark.parametrize("name", ["rate.css", "rate.js", "page.css", "icon.svg"])
    def test_its_files(self, page, name):
        answer = page.get(f"/web/{name}")
        assert answer.content == (WEB / name).read_bytes()
        assert "default-src 'none'" in answer.headers["content-security-policy"]


class TestRating:
    def test_a_rating_is_in_the_file_when_it_is_answered(self, page, ratings):
        first = page.get("/state").json()
        said = post(page, "rate", rating=4).json()
        assert ratings.path.read_text().splitlines()[1].startswith(f"{first['image']},0,0,0,1,0,")
        assert (said["step"], said["rated"], said["undo"]) == (first["step"] + 1, 1, True)
        assert said["count"] == "1 of 20 rated"
        assert said["image"] == first["next"] != first["image"]

    def test_undo_shows_it_again_with_what_it_was_given(self, page, ratings):
        first = page.get("/state").json()
        post(page, "rate", rating=4)
        said = post(page, "undo").json()
        assert (said["image"], said["was"], said["rated"], said["undo"]) == (first["image"], 4, 0, False)
        assert ratings.rows == {}

    def test_skip(self, page, ratings):
        first = page.get("/state").json()
        assert post(page, "skip").json()["image"] != first["image"]
        assert ratings.rows == {}

    def test_what_another_window_rated_is_not_rated_twice(self, page, ratings):
        step = page.get("/state").json()["step"]
        answers = [page.post("/rate", params={"step": step, "rating": 4}) for _ in range(2)]
        assert [one.status_code for one in answers] == [200, 409]
        assert "rated in another window" in answers[1].json()["error"]
        assert sum(sum(row.counts) for row in ratings.rows.values()) == 1
        assert post(page, "undo").status_code == 200
        assert post(page, "undo").status_code == 409

    @pytest.mark.parametrize("query", [{}, {"rating": "x"}, {"rating": "-1"}, {"rating": "4.5"}, {"step": "last"}])
    def test_what_is_no_number(self, page, query):
        answer = post(page, "rate", **{"rating": 4} | query if "step" in query else query)
        assert answer.status_code == 400
        assert re.fullmatch(r"This needs (rating|step)=NUMBER\.", answer.json()["error"])

    def test_a_rating_off_the_scale(self, page, ratings):
        answer = post(page, "rate", rating=6)
        assert (answer.status_code, answer.json()["error"]) == (422, "6 is not on the scale from 1 to 5.")
        assert ratings.rows == {}

    def test_a_file_that_cannot_be_written(self, page, ratings, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        before = page.get("/state").json()
        monkeypatch.setattr("awcu.personal.ratings.write_csv", full)
        answer = post(page, "rate", rating=4)
        assert answer.status_code == 422
        assert "cannot be written (No space left on device); make room, then rate again." in answer.json()["error"]
        assert page.get("/state").json() == before

    def test_what_nobody_foresaw_is_said_without_its_insides(self, page, monkeypatch):
        monkeypatch.setattr(Session, "prepare", lambda _: 1 / 0)
        answer = page.get("/state")
        assert (answer.status_code, answer.json()["error"]) == (
            500,
            "The server failed; its log says why. Your ratings are kept.",
        )

    def test_enough_is_said_and_one_may_go_on(self, page, monkeypatch):
        monkeypatch.setattr("awcu.personal.accuracy.ENOUGH", 3)
        for rating in (1, 5, 2):
            assert page.get("/state").json()["enough"] == ""
            post(page, "rate", rating=rating)
        assert page.get("/state").json()["enough"].startswith("Enough: more ratings would hardly make it better.")
        assert post(page, "rate", rating=4).status_code == 200

    def test_when_all_are_rated(self, page):
        while (said := page.get("/state").json())["image"]:
            post(page, "rate", rating=4)
        assert (said["image"], said["next"], said["enough"]) == (None, None, "There is no photograph left to rate.")
        assert post(page, "rate", rating=4).status_code == 409
        assert post(page, "undo").json()["was"] == 4

    def test_done(self, page, ended):
        assert page.post("/done").json()["title"] == "Done"
        assert ended.is_set()


class TestPhotographs:
    def test_shown_and_next(self, page, folder):
        state = page.get("/state").json()
        for name in ("image", "next"):
            answer = page.get("/photograph", params={"image": state[name]})
            assert answer.headers["content-type"] == "image/jpeg"
            assert answer.content == shrunk(folder / state[name])

    @pytest.mark.parametrize("image", ["", "../ratings.csv", "/etc/passwd", "sea/99.jpg", "sea"])
    def test_nothing_else_of_the_disk(self, page, image):
        answer = page.get("/photograph", params={"image": image})
        assert (answer.status_code, answer.json()["error"]) == (
            404,
            "There is no such photograph here; reload the page.",
        )

    def test_one_that_was_deleted_meanwhile(self, page, folder):
        (folder / IMAGES[3]).unlink()
        answer = page.get("/photograph", params={"image": IMAGES[3]})
        assert answer.status_code == 422
        assert "no such file" in answer.json()["error"]


class TestOtherSites:
    @pytest.mark.parametrize("path", ["rate", "skip", "undo", "done"])
    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            # Another server on this machine.
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "http://evil.example"},
            {"Origin": "http://127.0.0.1:9999"},
            {"Origin": "null"},
        ],
    )
    def test_their_pages_change_nothing(self, page, ratings, ended, path, headers):
        step = page.get("/state").json()["step"]
        answer = page.post(f"/{path}", params={"step": step, "rating": 4}, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (
            403,
            "Another site sent this; open this page itself and rate there.",
        )
        assert page.get("/state").json()["step"] == step
        assert ratings.rows == {}
        assert not ended.is_set()

    @pytest.mark.parametrize(
        "headers", [{"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1"}, {"Origin": "http://127.0.0.1"}]
    )
    def test_the_page_itself_rates(self, page, headers):
        step = page.get("/state").json()["step"]
        assert page.post("/rate", params={"step": step, "rating": 4}, headers=headers).status_code == 200

    def test_no_rating_by_a_link(self, page, ratings):
        for path in ("rate", "skip", "undo", "done"):
            assert page.get(f"/{path}", params={"step": 0, "rating": 4}).status_code == 405
        assert ratings.rows == {}

    def test_their_names_for_this_machine_are_not_answered(self, app):
        for host, status in (("127.0.0.1:7861", 200), ("localhost", 200), ("evil.example", 400)):
            assert TestClient(app).get("/", headers={"Host": host}).status_code == status

    def test_their_pages_cannot_show_the_photographs(self, page):
        image = page.get("/state").json()["image"]
        answer = page.get("/photograph", params={"image": image})
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"


class TestShrunk:
    def opened(self, path):
        return Image.open(io.BytesIO(shrunk(path)))

    def test_to_the_size_of_a_screen(self, tmp_path):
        Image.new("RGB", (2400, 1800), "red").save(tmp_path / "a.png")
        shown = self.opened(tmp_path / "a.png")
        assert (shown.format, shown.size) == ("JPEG", (SHOWN, 1200))
        assert np.abs(np.asarray(shown)[600, 800].astype(int) - (255, 0, 0)).max() < 4

    def test_a_small_one_stays_small_and_a_turned_one_is_upright(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (90, 60)).save(tmp_path / "a.jpg", exif=exif)
        shown = self.opened(tmp_path / "a.jpg")
        assert shown.size == (60, 90)
        assert 0x0112 not in shown.getexif()

    def test_keeps_the_colour_profile_of_its_colours_and_nothing_else(self, tmp_path):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        exif = Image.Exif()
        exif[0x010F] = "a camera"
        Image.new("RGB", (90, 60)).save(tmp_path / "a.jpg", icc_profile=profile, exif=exif)
        shown = self.opened(tmp_path / "a.jpg")
        assert shown.info["icc_profile"] == profile
        assert len(shown.getexif()) == 0
        other = profile[:16] + b"CMYK" + profile[20:]
        Image.new("CMYK", (90, 60)).save(tmp_path / "b.jpg", icc_profile=other)
        assert "icc_profile" not in self.opened(tmp_path / "b.jpg").info

    def test_what_is_no_photograph(self, tmp_path):
        (tmp_path / "a.jpg").write_bytes(b"words")
        with pytest.raises(ImageError, match=r"a\.jpg: not an image"):
            shrunk(tmp_path / "a.jpg")
