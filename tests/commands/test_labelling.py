"""`awcu score` with labels and stars, as a photographer calls it."""

import csv
import errno
import io
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from awcu.images import xmp
from awcu.inference.predictor import AestheticModel

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = [f"{folder}{place}.jpg" for folder in ("", "in/") for place in range(5)]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Ten photographs, half of them in a folder below; the folder is where we are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "in").mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
        Image.fromarray(cv2.resize(coarse, (90, 60))).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.fixture
def score(ends_with, checkpoint):
    """Run `awcu score photos`; what it ends with, None for success."""
    return lambda *words: ends_with("score", "photos", *words, "--checkpoint", checkpoint, "--device", "cpu")


@pytest.fixture
def ranked(photos, checkpoint):
    """The photographs, best first."""
    paths = [photos / name for name in NAMES]
    scores = [one.score for one in AestheticModel.from_pretrained(checkpoint, "cpu").score(paths)]
    return [paths[place] for place in np.argsort(np.negative(scores), kind="stable")]


def sidecars(photos):
    return {path.relative_to(photos).as_posix(): path.read_bytes() for path in photos.rglob("*.xmp")}


def beside(path):
    return path.with_name(path.name + ".xmp")


def stars(path):
    return xmp.rating(beside(path).read_bytes())


class TestLabels:
    def test_a_column_of_the_list(self, score, ranked, capsys):
        assert score("--label", "keep,maybe,reject", "--share", ".1,.3") is None
        rows = csv.DictReader(io.StringIO(capsys.readouterr().out))
        labels = {row["path"]: row["label"] for row in rows}
        here = Path.cwd()
        expected = ["keep"] * 1 + ["maybe"] * 3 + ["reject"] * 6
        assert labels == {path.relative_to(here).as_posix(): one for path, one in zip(ranked, expected, strict=True)}

    def test_folders_of_links(self, score, photos, ranked, capsys):
        before = {path: path.read_bytes() for path in ranked}
        assert score("--label", "keep,maybe", "--share", ".1,.3", "--into", "sorted") is None
        assert capsys.readouterr().out == "sorted: 4 links; the photographs stay where they are\n"
        for folder, part in (("keep", ranked[:1]), ("maybe", ranked[1:4])):
            linked = Path("sorted", folder)
            names = {path.relative_to(linked).as_posix() for path in linked.rglob("*.jpg")}
            assert names == {path.relative_to(photos).as_posix() for path in part}
            assert all((linked / path.relative_to(photos)).samefile(path) for path in part)
        assert {path: path.read_bytes() for path in ranked} == before

    def test_symbolic_where_hard_links_cannot_be(self, score, ranked, monkeypatch, capsys):
        def refuse(self, target):
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
        assert score("--label", "keep,rest", "--share", ".1", "--into", "sorted") is None
        assert capsys.readouterr().err == (
            "awcu: sorted takes no hard links to them, so these are symbolic: leave the photographs in place\n"
        )
        (linked,) = (path for path in Path("sorted/keep").rglob("*") if not path.is_dir())
        assert linked.readlink() == ranked[0]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--label", "a,b,c", "--share", ".1"], "awcu: the labels are 3, the shares 1;"),
            (["--label", "a,b,c", "--share", ".6,.5"], "awcu: the shares are 1.1 together, more than 1"),
            (["--label", "a,b", "--share", "1.5"], "awcu: the share 1.5 is not from 0 to 1"),
            (["--label", "a,b"], "awcu: --label and --share go together"),
            (["--share", ".1"], "awcu: --label and --share go together"),
            (["--into", "sorted"], "awcu: --into goes with --label"),
            (["--label", "a/b,c", "--share", ".1", "--into", "x"], "awcu: the label 'a/b' cannot name a folder"),
            (["--label", "..,c", "--share", ".1", "--into", "x"], "awcu: the label '..' cannot name a folder"),
            (["--label", "a,b", "--share", ".1", "--into", "photos"], "awcu: photos: is there already and holds"),
            (["--label", "a,b", "--share", ".1", "--into", "photos/1.jpg"], "awcu: photos/1.jpg: is there already"),
            (["--write"], "awcu: --write goes with --xmp"),
            (["--undo"], "awcu: --undo goes with --xmp"),
            (["--sidecar", "IMG.xmp"], "awcu: --sidecar goes with --xmp"),
            (["--xmp", "--label", "keep,maybe", "--share", ".1"], "awcu: 'keep' is no rating of XMP"),
            (["--xmp", "--share", ".1"], "awcu: the labels are 3, the shares 1;"),
            (["--xmp", "--undo", "--out", "a.csv"], "awcu: --undo scores nothing"),
        ],
    )
    def test_what_does_not_fit_is_said_before_any_work(self, score, photos, monkeypatch, options, message):
        monkeypatch.setattr(AestheticModel, "from_pretrained", None)
        assert score(*options).startswith(message)

    def test_no_number(self, score, photos, capsys):
        assert score("--label", "a,b", "--share", "many") == 2
        assert "'many' is not a share, such as .1" in capsys.readouterr().err


class TestStars:
    def test_shown_written_and_taken_back(self, score, photos, ranked, capsys):
        assert score("--xmp") is None
        lines = capsys.readouterr().out.splitlines()
        assert [line.split() for line in lines[1:5]] == [
            ["5", "1", "1", "–", "–", "–"],
            ["4", "1", "1", "–", "–", "–"],
            ["3", "2", "2", "–", "–", "–"],
            ["none", "6", "–", "–", "–", "–"],
        ]
        assert lines[5].startswith("4 sidecars to write, such as photos/")
        assert sidecars(photos) == {}
        assert score("--xmp", "--write") is None
        assert capsys.readouterr().out.splitlines()[5].startswith("4 sidecars written;")
        assert [stars(path) for path in ranked[:4]] == ["5", "4", "3", "3"]
        assert len(sidecars(photos)) == 4
        assert score("--xmp", "--undo") is None
        assert capsys.readouterr().out == "Stars taken back from 4 sidecars of 10 photographs.\n"
        assert sidecars(photos) == {}

    def test_a_second_time_changes_only_what_is_new(self, score, photos, ranked, capsys):
        score("--xmp", "--write")
        before = sidecars(photos)
        assert score("--xmp", "--write") is None
        assert sidecars(photos) == before
        assert score("--xmp", "--write", "--label", "5,0,-1", "--share", ".2,.7") is None
        assert stars(ranked[1]) == "5"
        assert stars(ranked[5]) is None
        assert stars(ranked[-1]) == "-1"
        assert len(sidecars(photos)) == 10
        assert score("--xmp", "--write", "--label", "5", "--share", ".1") is None
        assert list(sidecars(photos)) == [beside(ranked[0]).relative_to(photos).as_posix()]

    def test_a_users_own_survive(self, score, photos, ranked, capsys):
        theirs = xmp.with_rating(xmp.EMPTY, 1).replace(b' awcu:Stars="1"', b"")
        beside(ranked[0]).write_bytes(theirs)
        ranked[1].with_suffix(".xmp").write_bytes(theirs)
        assert score("--xmp", "--write", "--label", "5,4", "--share", ".3") is None
        rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:3]]
        assert rows == [["5", "3", "1", "–", "2", "–"], ["4", "7", "7", "–", "–", "–"]]
        assert score("--xmp", "--undo") is None
        assert set(sidecars(photos).values()) == {theirs}
        assert len(sidecars(photos)) == 2

    def test_the_name_of_lightroom(self, score, photos, ranked):
        assert score("--xmp", "--write", "--sidecar", "IMG.xmp") is None
        assert ranked[0].with_suffix(".xmp").is_file()
        assert not beside(ranked[0]).exists()

    def test_with_a_list_stars_are_a_column(self, score, photos):
        assert score("--xmp", "--label", "5,-1", "--share", ".1", "--out", "a.csv") is None
        rows = list(csv.DictReader(io.StringIO(Path("a.csv").read_text())))
        assert sorted(row["label"] for row in rows) == ["-1"] * 9 + ["5"]

    def test_a_damaged_sidecar_is_left_and_said(self, score, photos, ranked, capsys):
        beside(ranked[0]).write_bytes(b"not XMP")
        assert score("--xmp", "--write") == "awcu: 1 photograph left alone, see above; all others are done"
        said = capsys.readouterr()
        name = beside(ranked[0]).relative_to(Path.cwd())
        assert said.err.startswith(f"awcu: {name}: is damaged (")
        assert said.err.count("\n") == 1
        assert said.out.splitlines()[1].split() == ["5", "1", "–", "–", "–", "1"]
        assert beside(ranked[0]).read_bytes() == b"not XMP"
        assert stars(ranked[1]) == "4"
        ended = score("--xmp", "--undo")
        assert ended == "awcu: 1 photograph left alone, see above; all others are done"
        assert sidecars(photos) == {name.relative_to("photos").as_posix(): b"not XMP"}

    def test_a_read_only_folder_is_said_before_any_work(self, score, photos, monkeypatch):
        def refuse(dir):
            if dir.name == "in":
                raise PermissionError(errno.EACCES, "Permission denied")
            return io.BytesIO()

        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
        monkeypatch.setattr(AestheticModel, "from_pretrained", None)
        ended = score("--xmp", "--write")
        assert ended.startswith("awcu: photos/in: cannot be written to (Permission denied)")

    def test_a_sidecar_that_cannot_be_written(self, score, photos, ranked, capsys):
        beside(ranked[0]).mkdir()
        assert score("--xmp", "--write") == "awcu: 1 photograph left alone, see above; all others are done"
        assert f"{ranked[0].name}.xmp" in capsys.readouterr().err
        assert stars(ranked[1]) == "4"
