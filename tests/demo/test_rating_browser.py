"""`awcu rate` the whole way: from a folder of photographs to its ranking, in a real browser."""

import csv
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from browsing import CHROMIUM, PHONE, browsing
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")]

N = 30


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder `photos` of pictures from dark to bright, and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    random = np.random.default_rng(0)
    for number in range(N):
        noise = random.normal(30 + 190 * number / N, 12, (300, 400, 3)).clip(0, 255)
        Image.fromarray(noise.astype(np.uint8)).save(tmp_path / "photos" / f"{number:02d}.jpg")
    return tmp_path


@contextmanager
def rating(*options):
    """The process of `awcu rate photos`, and its address."""
    command = [
        sys.executable,
        "-m",
        "awcu",
        "rate",
        "photos",
        "--port",
        "0",
        "--no-browser",
        "--device",
        "cpu",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            lines = [server.stdout.readline() for _ in range(2)]
            yield server, re.search(r"Rate on (http://127\.0\.0\.1:\d+) ", lines[1]).group(1)
        finally:
            server.kill()


def rows(place):
    return {row["image"]: row for row in csv.DictReader((place / "ratings.csv").read_text().splitlines())}


def shown(page):
    """The photograph's name, once it can be rated."""
    page.wait_for_selector("#stage:not(.waiting)")
    return page.text_content("#name")


def press(page, key, count):
    """Press a key, and wait for what it does to the number of rated photographs."""
    page.keyboard.press(key)
    page.get_by_text(f"{count} of {N} rated").wait_for()


def rate(page, count):
    """By brightness; the photograph's name."""
    name = shown(page)
    press(page, str(1 + int(name[:2]) * 5 // N), count)
    return name


def test_from_photographs_to_their_ranking(place):
    with rating() as (server, address), browsing(address) as page:
        first = rate(page, 1)
        second = rate(page, 2)
        assert list(rows(place)) == [first, second]
        press(page, "z", 1)
        assert shown(page) == second
        assert "You gave it" in page.text_content("#was")
        assert list(rows(place)) == [first]
        page.keyboard.press("Space")
        page.wait_for_function("name => document.getElementById('name').textContent !== name", arg=second)
        third = rate(page, 2)
        page.reload()
        assert shown(page) not in (first, second, third)
        # Another process on the same file is refused.
        again = subprocess.run(
            [sys.executable, "-m", "awcu", "rate", "photos", "--port", "0"], capture_output=True, text=True
        )
        assert (again.returncode, again.stderr[:40]) == (1, "awcu: ratings.csv is open in another awcu rate; "[:40])
        server.kill()
        server.wait(60)
        page.keyboard.press("3")
        page.get_by_text("The server does not answer. Your ratings are in ratings.csv").wait_for()
    assert list(rows(place)) == [first, third]

    with rating() as (server, address), browsing(address) as page:
        page.get_by_text(f"2 of {N} rated").wait_for()
        while (count := len(rows(place))) < 20:
            name = shown(page)
            before = page.evaluate("document.getElementById('count').textContent")
            page.keyboard.press(str(1 + int(name[:2]) * 5 // N))
            page.wait_for_function("name => document.getElementById('name').textContent !== name", arg=name)
            assert before.startswith(f"{count} of")
        page.get_by_text("it orders photographs it has not seen as you do with SRCC").wait_for()
        page.get_by_role("button", name="Done").click()
        page.get_by_text("The model is being written to my-eye").wait_for()
        said, complaints = server.communicate(timeout=120)
        assert server.returncode == 0, complaints
        assert re.match(r"20 photographs rated.*\. After 20 ratings it orders", said)
        assert "my-eye holds the model: awcu score photos --checkpoint my-eye" in said
        assert "awcu train data=table data.root=./ data.ratings.image_folder=photos/" in said

    score = [sys.executable, "-m", "awcu", "score", "photos", "--checkpoint", "my-eye", "--device", "cpu"]
    ranked = list(csv.DictReader(subprocess.run(score, capture_output=True, text=True, check=True).stdout.splitlines()))
    order = [int(row["path"][-6:-4]) for row in sorted(ranked, key=lambda row: float(row["score"]))]
    assert np.corrcoef(order, range(N))[0, 1] > 0.8


def test_an_interrupt_without_a_rating_writes_nothing(place):
    with rating() as (server, address), browsing(address) as page:
        shown(page)
        server.send_signal(signal.SIGINT)
        _, complaints = server.communicate(timeout=60)
        assert server.returncode == 1
        assert complaints.startswith("awcu: no model is written: no photograph is rated; rate more")
    assert not (place / "my-eye").exists()


@pytest.mark.parametrize(
    "settings",
    [PHONE, {**PHONE, "viewport": {"width": 780, "height": 360}}, {"viewport": {"width": 1280, "height": 720}}],
    ids=["phone", "phone on its side", "desktop"],
)
def test_all_is_in_view_without_scrolling(place, settings):
    """And a tap on a button rates."""
    with rating("--scale", "7") as (_, address), browsing(address, **settings) as page:
        shown(page)
        height, width = (settings["viewport"][side] for side in ("height", "width"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name in ("#photograph", "[data-rating='1']", "[data-rating='7']", "#undo", "#skip", "#done", "#said"):
            box = page.locator(name).bounding_box()
            assert 0 <= box["y"] <= box["y"] + box["height"] <= height
        photograph, stage = (page.locator(name).bounding_box() for name in ("#photograph", "#stage"))
        assert photograph == stage
        assert stage["height"] > 0.3 * height
        button = page.locator("[data-rating='6']")
        button.tap() if settings.get("has_touch") else button.click()
        page.get_by_text(f"1 of {N} rated").wait_for()
        # The space bar skips, whichever button was pressed last.
        name = shown(page)
        page.keyboard.press("Space")
        page.wait_for_function("name => document.getElementById('name').textContent !== name", arg=name)
    (row,) = rows(place).values()
    assert row["6"] == "1"
