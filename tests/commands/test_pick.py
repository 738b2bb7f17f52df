"""`awcu pick` as a photographer calls it."""

import csv
import errno
import io
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from awcu.inference.predictor import AestheticModel

pytestmark = pytest.mark.usefixtures("one_thread")


def scene(seed):
    coarse = np.random.default_rng(seed).integers(60, 190, (4, 6, 3), dtype=np.uint8)
    fine = np.random.default_rng(seed).integers(-40, 40, (480, 720, 1))
    return (cv2.resize(coarse, (720, 480)) + fine).astype(np.uint8)


def save(path, pixels, taken=None):
    exif = Image.Exif()
    if taken:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"2024:05:06 07:08:{taken:02d}"
    Image.fromarray(pixels).save(path, exif=exif, quality=95)


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Three of one scene within three seconds, of which one is blurred and one dark; two of another; one alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "photos"
    folder.mkdir()
    first, second = scene(0), scene(1)
    save(folder / "a1.jpg", first, 1)
    save(folder / "a2.jpg", cv2.GaussianBlur(first, (0, 0), 3), 2)
    save(folder / "a3.jpg", first // 2, 3)
    save(folder / "b1.jpg", second, 20)
    save(folder / "b2.jpg", second, 21)
    save(folder / "c1.jpg", scene(2), 40)
    return folder


@pytest.fixture
def pick(ends_with, checkpoint):
    """Run the command; what it ends with, None for success."""
    return lambda *words: ends_with("pick", *words, "--checkpoint", checkpoint, "--device", "cpu")


def listed(path="list.csv"):
    return {Path(row["path"]).stem: row for row in csv.DictReader(io.StringIO(Path(path).read_text()))}


def test_series_the_best_of_each_and_what_the_others_lack(pick, photos, checkpoint, capsys):
    before = {path: path.read_bytes() for path in photos.iterdir()}
    assert pick("photos", "--list", "list.csv") is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "6 photographs, 2 series of 2 to 3, 1 alone."
    assert lines[-1].startswith("pick.html shows them")
    rows = listed()
    model = AestheticModel.from_pretrained(checkpoint, "cpu")
    for name, row in rows.items():
        assert float(row["score"]) == pytest.approx(model.score([photos / f"{name}.jpg"])[0].score, abs=1e-4)
    for names in (["a1", "a2", "a3"], ["b1", "b2"]):
        best_first = sorted(names, key=lambda name: (-float(rows[name]["score"]), name))
        assert [rows[name]["place"] for name in best_first] == [str(at) for at in range(1, len(names) + 1)]
        assert {rows[name]["of"] for name in names} == {str(len(names))}
        assert any(line.startswith(f"{best_first[0]}.jpg  best of {len(names)} (") for line in lines)
    assert rows["a1"]["taken"] == "2024-05-06T07:08:01"
    assert (rows["c1"]["series"], rows["c1"]["lacks"]) == ("", "")
    assert float(rows["a2"]["sharpness"]) < float(rows["a1"]["sharpness"]) - 1
    assert float(rows["a3"]["light"]) < float(rows["a1"]["light"]) - 1
    page = Path("pick.html").read_text()
    assert page.count("<figure") == 5
    assert page.count("data:image/jpeg;base64,") == 5
    assert {path: path.read_bytes() for path in photos.iterdir()} == before


def test_what_the_others_lack_is_measured_against_the_best(pick, photos):
    assert pick("photos", "--list", "list.csv") is None
    rows = listed()
    best = next(name for name in ("a1", "a2", "a3") if rows[name]["place"] == "1")
    expected = {
        "a1": {"a1": "", "a2": "softer", "a3": "darker"},
        "a2": {"a1": "", "a2": "", "a3": "darker"},
        "a3": {"a1": "brighter", "a2": "softer, brighter", "a3": ""},
    }
    assert {name: rows[name]["lacks"] for name in ("a1", "a2", "a3")} == expected[best]


def test_links_to_the_best_and_to_what_is_alone(pick, photos, capsys):
    assert pick("photos", "--into", "best", "--list", "list.csv") is None
    chosen = {name for name, row in listed().items() if row["place"] in ("", "1")}
    assert {path.stem for path in Path("best").iterdir()} == chosen
    assert len(chosen) == 3
    assert all(path.samefile(photos / path.name) for path in Path("best").iterdir())
    assert "best: 3 links; the photographs stay where they are" in capsys.readouterr().out


def test_links_to_another_file_system_are_symbolic(pick, photos, monkeypatch, capsys):
    def refuse(self, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert pick("photos", "--into", "best") is None
    assert "so these are symbolic" in capsys.readouterr().err
    assert all(path.is_symlink() for path in Path("best").iterdir())


def test_without_any_time_by_name_and_said(pick, photos, capsys):
    for path in photos.iterdir():
        with Image.open(path) as image:
            image.load()
            image.save(path, exif=b"")
    assert pick("photos") is None
    assert capsys.readouterr().out.splitlines()[0] == "6 photographs, 2 series of 2 to 3, 1 alone."
    assert "6 photographs without a time in EXIF" in Path("pick.html").read_text()


def test_how_alike_and_how_soon_is_the_users_to_say(pick, photos, capsys):
    assert pick("photos", "--like", "-1") is None
    assert capsys.readouterr().out.startswith("6 photographs, 1 series of 6, 0 alone.\n")
    assert pick("photos", "--within", 0) is None
    assert capsys.readouterr().out.startswith("6 photographs, no two of one series.\n")
    assert "<figure" not in Path("pick.html").read_text()


def test_what_cannot_be_read_is_a_line_a_row_and_a_status(pick, photos, capsys):
    (photos / "a4.jpg").write_bytes((photos / "a1.jpg").read_bytes()[:4000])
    ended = pick("photos", "--list", "list.csv")
    assert ended == "awcu: 1 of 7 photographs failed, see above; all others are done"
    said = capsys.readouterr()
    assert said.err.startswith("awcu: photos/a4.jpg: damaged or cut short (")
    assert said.out.startswith("6 photographs, 2 series")
    assert listed()["a4"]["error"].startswith("photos/a4.jpg: damaged")


def test_its_own_page_is_written_anew_and_no_other(pick, photos, capsys):
    assert pick("photos") is None
    assert pick("photos") is None
    Path("pick.html").write_text("mine")
    ended = pick("photos")
    assert ended == "awcu: pick.html: is there already; add --overwrite or choose another --out"
    assert Path("pick.html").read_text() == "mine"
    assert pick("photos", "--overwrite") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["none"], "awcu: none: no such file or folder"),
        (["empty"], "awcu: empty: a folder without photographs"),
        (["photos", "--out", "a.csv"], "awcu: a.csv: the ending says how to write; give one in .html"),
        (["photos", "--list", "a.txt"], "awcu: a.txt: the ending says how to write; give one in .csv or .jsonl"),
        (
            ["photos", "--list", "there.csv"],
            "awcu: there.csv: is there already; add --overwrite or choose another --list",
        ),
        (["photos", "--into", "photos"], "awcu: photos: is there already and holds something"),
        (["photos", "--within", "-1"], "awcu: --within -1 seconds"),
        (["photos", "--like", "2"], "awcu: --like 2 is not from -1 to 1"),
    ],
)
def test_bad_input_is_said_before_any_work(pick, photos, monkeypatch, options, message):
    Path("empty").mkdir()
    Path("there.csv").write_text("kept")
    monkeypatch.setattr(AestheticModel, "from_pretrained", None)
    assert pick(*options).startswith(message)


def test_a_name_cannot_drive_the_terminal(pick, photos, capsys):
    (photos / "a1.jpg").rename(photos / "a\x1b[31m1.jpg")
    assert pick("photos") is None
    assert re.search(r"a\\x1b\[31m1", capsys.readouterr().out)
    assert "\x1b" not in Path("pick.html").read_text()
