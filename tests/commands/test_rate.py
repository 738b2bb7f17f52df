"""`awcu rate` without a browser: what it refuses at the start, and what it leaves at the end."""

import json
import shlex

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from awcu.commands import rating
from awcu.commands.serving import listen
from awcu.inference.predictor import AestheticModel
from awcu.models.purpose import OF_ONE_PERSON
from awcu.personal.ratings import open_ratings

pytestmark = pytest.mark.usefixtures("one_thread")

N = 16
HEADER = "image,1,2,3,4,5,rated\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working directory, with a folder of pictures from dark to bright."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _: str(tmp_path / "cache"))
    (tmp_path / "my photos" / "sea").mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(N):
        noise = random.normal(40 + 170 * number / N, 12, (64, 64, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noise).save(tmp_path / "my photos" / "sea" / f"{number:02d}.jpg")
    return tmp_path


@pytest.fixture
def call(ends_with, checkpoint):
    """Run the command on the folder; what it ends with, None if well."""
    fixed = ("--no-browser", "--port", "0", "--checkpoint", checkpoint, "--device", "cpu")
    return lambda *words, folder="my photos": ends_with("rate", folder, *fixed, *words)


@pytest.fixture
def person(monkeypatch):
    """Stands for the browser: rates by what a function says of a photograph's name, and is done."""

    def at_the_page(says, times):
        def answer(server, *_):
            with TestClient(server.config.app, "http://127.0.0.1") as page:
                for _ in range(times):
                    state = page.get("/state").json()
                    page.post("/rate", params={"step": state["step"], "rating": says(state["name"])}).raise_for_status()
                said.update(page.post("/done").json())
            assert server.should_exit

        said = {}
        monkeypatch.setattr(rating, "answer", answer)
        return said

    return at_the_page


def by_brightness(name):
    return 1 + int(name[-6:-4]) * 5 // N


class TestEnd:
    def test_a_model_that_every_command_takes(self, place, call, person, capsys):
        said = person(by_brightness, 12)
        assert call() is None
        printed = capsys.readouterr().out.splitlines()
        assert printed[0].startswith(f"Looking at {N} photographs with ")
        assert "(keys 1 to 5, Z undoes, S skips; Ctrl-C ends it). Ratings go to ratings.csv." in printed[1]
        assert printed[2].startswith(f"{said['title']}. After ")
        assert said["words"][0] in printed[2]
        assert printed[3] == "my-eye holds the model: awcu score 'my photos' --checkpoint my-eye"
        assert said["command"] == "awcu score 'my photos' --checkpoint my-eye"
        model = AestheticModel.from_pretrained("my-eye", "cpu")
        assert model.config.trained_on == OF_ONE_PERSON
        assert (model.config.scale, model.config.midpoint) == ((1, 2, 3, 4, 5), 3)
        dark, bright = model.score(place / "my photos" / "sea" / f"{number}.jpg" for number in ("01", "14"))
        assert dark.score < bright.score

    def test_the_command_to_train_with(self, place, call, person, capsys):
        person(by_brightness, 3)
        assert call("--out", "mine/of me.csv", "--scale", "7") is None
        words = shlex.split(capsys.readouterr().out.splitlines()[4].partition(" is a data set as well: ")[2])
        assert words == [
            "awcu",
            "train",
            "data=table",
            "data.root=mine/",
            "data.ratings.file='of me.csv'",
            "data.ratings.image_folder='../my photos/'",
            'data.ratings.vote_columns=["1","2","3","4","5","6","7"]',
            "data.ratings.scale=[1,2,3,4,5,6,7]",
            "data.ratings.midpoint=4",
        ]

    def test_it_goes_on_and_replaces_its_own_model(self, place, call, person, capsys):
        person(by_brightness, 4)
        assert call() is None
        first = (place / "my-eye" / "model.safetensors").read_bytes()
        person(by_brightness, 4)
        assert call() is None
        assert len((place / "ratings.csv").read_text().splitlines()) == 9
        assert (place / "my-eye" / "model.safetensors").read_bytes() != first

    def test_of_equal_ratings_no_model_is_made(self, place, call, person):
        said = person(lambda _: 3, 5)
        assert call() == (
            "awcu: no model is written: all ratings are 3, which tells no photograph from another; "
            "rate more photographs of my photos"
        )
        assert said["words"][1] == "No model is written: all ratings are 3, which tells no photograph from another."
        assert said["command"] == ""
        assert not (place / "my-eye").exists()

    def test_of_no_ratings(self, place, call, person):
        person(by_brightness, 0)
        assert "no model is written: no photograph is rated" in call()


class TestStart:
    def test_what_is_no_folder(self, place, call):
        assert call(folder="nowhere") == "awcu: nowhere is no folder; name the one that holds your photographs"
        assert call(folder="my photos/sea/00.jpg").startswith("awcu: my photos/sea/00.jpg is no folder")

    def test_no_photographs(self, place, call):
        (place / "empty").mkdir()
        assert call(folder="empty").startswith("awcu: empty: a folder without photographs; name one")

    def test_unreadable_ones_are_passed_over(self, place, call, person, capsys):
        (place / "my photos" / "words.jpg").write_text("words")
        (place / "my photos" / "pech\udce9.jpg").write_bytes((place / "my photos" / "sea" / "00.jpg").read_bytes())
        person(by_brightness, N)
        assert call() is None
        complaints = capsys.readouterr().err
        assert "passed over 1 photograph that cannot be read: my photos/words.jpg: not an image" in complaints
        assert r"passed over 1 photograph with a name that is not UTF-8: my photos/pech\udce9.jpg" in complaints

    @pytest.mark.parametrize(
        ("text", "options", "says"),
        [
            (HEADER.replace("3,", ""), [], "ratings.csv has no column '3'"),
            (HEADER.replace("5,", "5,6,"), [], "ratings.csv has a column '6', which is off the scale of 1 to 5"),
            (HEADER + "sea/00.jpg,0,0.5,0,0,0,x\n", [], "line 2: '0.5' in column '2' is no whole number"),
            (HEADER, ["--scale", 7], "ratings.csv holds ratings from 1 to 5, not 1 to 7; add --scale 5"),
            (HEADER, ["--scale", 6], "--scale 6 is none of 5, 7"),
            (
                HEADER + "other.jpg,0,1,0,0,0,x\n",
                [],
                "has ratings of other.jpg, none of which is in this folder",
            ),
        ],
    )
    def test_a_file_that_is_not_of_this(self, place, call, text, options, says):
        (place / "ratings.csv").write_text(text)
        said = call(*options)
        assert says in said
        assert "\n" not in said
        assert (place / "ratings.csv").read_text() == text

    def test_a_file_in_use(self, place, call):
        with open_ratings(place / "ratings.csv", 5):
            assert call().startswith("awcu: ratings.csv is open in another awcu rate; end that one")

    def test_a_place_where_nothing_can_be_written(self, place, call):
        assert call("--out", "/proc/ratings.csv").startswith("awcu: /proc/ratings.csv cannot be written (")

    def test_a_folder_for_the_model_that_holds_something_else(self, place, call, checkpoint):
        (place / "my-eye").mkdir()
        (place / "my-eye" / "letter.txt").touch()
        assert "holds 'letter.txt', which no export wrote" in call()
        AestheticModel.from_pretrained(checkpoint, "cpu").save_pretrained(place / "model")
        before = json.loads((place / "model" / "config.json").read_text())
        assert call("--model", "model") == (
            "awcu: model holds a model that is no person's eye; name another folder as --model"
        )
        assert json.loads((place / "model" / "config.json").read_text()) == before

    def test_a_port_in_use(self, place, call):
        with listen("127.0.0.1", 0) as taken:
            assert "choose another --port" in call("--port", taken.getsockname()[1])
