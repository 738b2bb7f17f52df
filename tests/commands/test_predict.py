"""`awcu score`, `awcu explain` and `awcu crop` as a photographer calls them."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from rich.console import Console

from awcu.commands import judging
from awcu.commands import main as cli
from awcu.images.boxes import Box
from awcu.images.decoding import decode
from awcu.inference.predictor import AestheticModel
from awcu.models.pretrained import BUNDLED, load
from awcu.models.purpose import purpose

pytestmark = pytest.mark.usefixtures("one_thread")


def picture(height=60, width=90, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


NAMES = ["b.jpg", "in/b.png", "in/wi\nth\x1b[31m, 日.webp"]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Three good photographs, of which one is turned, and one that is cut short; the folder is where we are."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    (folder / "in").mkdir(parents=True)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for seed, name in enumerate(NAMES):
        Image.fromarray(picture(seed=seed)).save(folder / name, exif=exif if seed == 0 else b"", quality=95)
    (folder / "cut.jpg").write_bytes((folder / "b.jpg").read_bytes()[:900])
    return folder


@pytest.fixture
def good(photos):
    (photos / "cut.jpg").unlink()
    return photos


@pytest.fixture(scope="session")
def model(checkpoint):
    return AestheticModel.from_pretrained(checkpoint, "cpu")


@pytest.fixture(scope="session")
def rated(checkpoint, tmp_path_factory):
    """An exported model of mean scores from 0 to 5, as of BIQ2021, without attributes."""
    known = AestheticModel.from_pretrained(checkpoint, "cpu").config
    config = replace(
        known,
        objective="score",
        scale=(0.0, 5.0),
        midpoint=2.5,
        attribute_names=(),
        trained_on="BIQ2021",
        reference=replace(known.reference, link=None),
    )
    net = config.build_network()
    torch.nn.init.normal_(net.aesthetic_head.weight, std=0.01, generator=torch.Generator().manual_seed(0))
    folder = tmp_path_factory.mktemp("rated") / "model"
    AestheticModel(config, net, "cpu").save_pretrained(folder)
    return folder


@pytest.fixture
def call(ends_with, checkpoint):
    """Run a command with the model; what it ends with, None for success."""

    def run(command, *words, model=checkpoint):
        return ends_with(command, *words, "--checkpoint", model, "--device", "cpu")

    return run


def rows_of(text):
    return {row["path"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def read(path):
    return rows_of(path.read_bytes().decode())


def check_row(row, verdict, reference):
    assert float(row["score"]) == pytest.approx(verdict.score, abs=1e-5)
    assert float(row["probability"]) == pytest.approx(verdict.probability, abs=1e-5)
    assert row["level"] == verdict.level
    assert float(row["share_below"]) == pytest.approx(reference.share_below(verdict.score), abs=1e-4)
    for name, share in verdict.attributes.items():
        assert float(row[name]) == pytest.approx(share, abs=1e-5)


class TestScore:
    @pytest.mark.parametrize("batch_size", [1, 2, 32])
    def test_every_photograph_has_its_verdict(self, call, good, model, capsys, batch_size):
        assert call("score", "photos", "--batch-size", batch_size) is None
        printed = capsys.readouterr()
        rows = rows_of(printed.out)
        assert printed.err == ""
        assert list(rows) == [f"photos/{name}" for name in NAMES]
        verdicts = {path: model.score([path])[0] for path in rows}
        best_first = sorted(rows, key=lambda path: -verdicts[path].score)
        for path, row in rows.items():
            check_row(row, verdicts[path], model.config.reference)
            assert int(row["rank"]) == 1 + best_first.index(path)
            assert row["error"] == ""

    @pytest.mark.parametrize("batch_size", [1, 2, 32])
    def test_what_fails_is_a_row_a_line_and_a_status(self, call, photos, capsys, batch_size):
        ended = call("score", "photos", "--out", "scores.csv", "--batch-size", batch_size)
        assert ended == "awcu: 1 of 4 photographs failed, see above; all others are done"
        printed = capsys.readouterr()
        assert printed.out == "scores.csv\n"
        assert printed.err.startswith("awcu: photos/cut.jpg: damaged or cut short (")
        assert printed.err.count("\n") == 1
        rows = read(photos.parent / "scores.csv")
        assert sorted(int(row["rank"]) for row in rows.values() if not row["error"]) == [1, 2, 3]
        failed = rows["photos/cut.jpg"]
        assert failed["error"] == printed.err.removeprefix("awcu: ").removesuffix("\n")
        assert failed["score"] == failed["rank"] == failed["indoors"] == ""

    def test_nothing_but_failures(self, call, photos, capsys):
        ended = call("score", "photos/cut.jpg", "--out", "scores.jsonl")
        assert ended == "awcu: 1 of 1 photographs failed, see above; all others are done"
        row = json.loads((photos.parent / "scores.jsonl").read_text())
        assert list(row) == [
            *("path", "score", "rating", "probability", "level", "rank", "share_below", "indoors", "outdoors", "error")
        ]
        assert row["score"] is None

    def test_a_failed_name_cannot_drive_the_terminal(self, call, photos, capsys):
        (photos / "cut.jpg").rename(photos / "x\x1b[31m\ny.jpg")
        call("score", "photos", "--out", "scores.csv")
        assert r"awcu: photos/x\x1b[31m\ny.jpg: damaged" in capsys.readouterr().err
        assert "photos/x\x1b[31m\ny.jpg" in read(photos.parent / "scores.csv")

    def test_a_terminal_gets_a_table(self, call, good, monkeypatch, capsys):
        shown = Console(file=io.StringIO(), width=110)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setattr(judging, "Console", lambda stderr=False: Console(stderr=True) if stderr else shown)
        assert call("score", "photos") is None
        lines = shown.file.getvalue().splitlines()
        assert lines[0].split() == ["score", "probability", "better", "than", "photograph", "likeliest", "attributes"]
        assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "3"]
        assert r"photos/in/wi\nth\x1b[31m, 日.webp" in "\n".join(lines)
        assert capsys.readouterr().out == ""

    def test_a_model_of_scores_says_ratings(self, call, good, rated, monkeypatch, capsys):
        assert call("score", "photos", model=rated) is None
        for row in rows_of(capsys.readouterr().out).values():
            assert float(row["rating"]) == pytest.approx(2.5 + float(row["score"]), abs=1e-5)
            assert row["probability"] == ""
        shown = Console(file=io.StringIO(), width=110)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setattr(judging, "Console", lambda stderr=False: Console(stderr=True) if stderr else shown)
        assert call("score", "photos", model=rated) is None
        lines = shown.file.getvalue()
        assert lines.split()[:2] == ["rating", "(0–5)"]
        assert "not beauty" in lines
        assert "photographs the model has not learned from" in lines

    def test_a_bar_only_where_somebody_sees_it(self, call, photos, monkeypatch, capsys):
        call("score", "photos", "--out", "a.csv")
        assert "scoring" not in capsys.readouterr().err
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        call("score", "photos", "--out", "b.csv")
        printed = capsys.readouterr()
        assert "scoring" in printed.err
        assert "4/4" in printed.err
        assert printed.out == "b.csv\n"

    def test_interrupted_it_keeps_what_was_done(self, call, good, monkeypatch, capsys):
        judge, calls = AestheticModel.verdicts, []

        def interrupted(self, images):
            calls.append(len(images))
            if len(calls) == 3:
                raise KeyboardInterrupt
            return judge(self, images)

        monkeypatch.setattr(AestheticModel, "verdicts", interrupted)
        assert call("score", "photos", "--out", "scores.csv", "--batch-size", 1) == 130
        said = "awcu: interrupted after 2 of 3; scores.partial.csv holds what was done\n"
        assert capsys.readouterr().err == said
        assert [row["rank"] for row in read(good.parent / "scores.partial.csv").values()] in (["1", "2"], ["2", "1"])
        assert not (good.parent / "scores.csv").exists()

    def test_too_large_a_batch_is_named(self, call, good, monkeypatch):
        def full(self, images):
            raise torch.OutOfMemoryError("out of memory")

        monkeypatch.setattr(AestheticModel, "verdicts", full)
        assert call("score", "photos") == "awcu: cpu has no memory for 3 photographs at once; lower --batch-size"

    @pytest.mark.parametrize(
        ("out", "message"),
        [
            ("scores.txt", "awcu: scores.txt: the ending says how to write; give one in .csv or .jsonl"),
            ("there.csv", "awcu: there.csv: is there already; add --overwrite or choose another --out"),
            ("folder.csv", "awcu: folder.csv: a folder; give the name of a file"),
            ("there.csv/a.csv", "awcu: there.csv: cannot be written to (File exists); choose another --out"),
        ],
    )
    def test_an_output_that_cannot_be_is_refused_before_any_work(self, call, good, monkeypatch, out, message):
        (good.parent / "there.csv").write_text("kept")
        (good.parent / "folder.csv").mkdir()
        monkeypatch.setattr(AestheticModel, "from_pretrained", None)
        assert call("score", "photos", "--out", out) == message
        assert (good.parent / "there.csv").read_text() == "kept"

    def test_overwrite(self, call, good):
        (good.parent / "there.csv").write_text("kept")
        assert call("score", "photos", "--out", "there.csv", "--overwrite") is None
        assert len(read(good.parent / "there.csv")) == 3


class TestExplain:
    def test_a_picture_a_page_and_a_row_each(self, call, photos, model, capsys):
        (photos / "in/b.png").rename(photos / "b.png")
        ended = call("explain", "photos")
        assert ended == "awcu: 1 of 4 photographs failed, see above; all others are done"
        printed = capsys.readouterr()
        assert printed.out == "explained/explanations.csv\n"
        assert printed.err.startswith("awcu: photos/cut.jpg: damaged or cut short")
        out = photos.parent / "explained"
        names = ["b.jpg", "b.png", "in/wi\nth\x1b[31m, 日"]
        files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
        assert files == {f"{name}.{ending}" for name in names for ending in ("png", "html")} | {"explanations.csv"}
        rows = read(out / "explanations.csv")
        for path, name in zip([p for p in rows if p != "photos/cut.jpg"], names, strict=True):
            check_row(rows[path], model.score([path])[0], model.config.reference)
            assert (rows[path]["picture"], rows[path]["page"]) == (f"{name}.png", f"{name}.html")
            with Image.open(out / f"{name}.png") as sheet:
                assert sheet.width >= 1000
        assert rows["photos/cut.jpg"]["picture"] == ""

    def test_the_verdict_is_that_of_the_views(self, call, good, model):
        call("explain", "photos/b.jpg", "--out", "new/$a_", "--flip", "--scales", "1,1.5", "--attributes", 0)
        row = read(good.parent / "new/$a_/explanations.csv")["photos/b.jpg"]
        averaged = model.explain("photos/b.jpg", flip=True, scales=(1.0, 1.5)).verdict
        check_row(row, averaged, model.config.reference)
        assert averaged.score != pytest.approx(model.score(["photos/b.jpg"])[0].score, abs=1e-4)

    def test_output_stride_reaches_the_network(self, call, good):
        ended = call("explain", "photos/b.jpg", "--output-stride", 5)
        assert ended.startswith("awcu: ")
        assert "output_stride" in ended
        assert not list((good.parent / "explained").iterdir())


class TestCrop:
    def test_the_crop_is_cut_from_the_upright_original(self, call, good, model, capsys):
        assert call("crop", "photos") is None
        assert capsys.readouterr().out == "crops/crops.csv\n"
        rows = read(good.parent / "crops/crops.csv")
        assert list(rows) == [f"photos/{name}" for name in NAMES]
        assert [row["crop"] for row in rows.values()] == NAMES
        for path, row in rows.items():
            box = Box(*(int(row[side]) for side in ("left", "top", "right", "bottom")))
            (proposal,) = model.crop(path)
            assert (box, row["aspect"], row["number"]) == (proposal.box, "free", "1")
            assert float(row["worth"]) == pytest.approx(proposal.worth, abs=1e-5)
            height, width = decode(path).shape[:2]
            assert float(row["kept"]) == pytest.approx(box.width * box.height / (height * width), abs=1e-4)
            cut = decode(good.parent / "crops" / row["crop"]).astype(int)
            original = decode(path)[box.top : box.bottom, box.left : box.right]
            assert cut.shape == original.shape
            assert np.abs(cut - original).mean() < 6
        assert decode("photos/b.jpg").shape == (90, 60, 3), "turned by its EXIF"

    def test_what_is_left_whole_is_said(self, call, good, capsys):
        assert call("crop", "photos", "--aspect", "1:1,original", "--smallest", "1") is None
        said = "awcu: 3 of 3 photographs left whole: no crop is worth more to the model\n"
        assert capsys.readouterr() == ("crops/crops.csv\n", said)

    def test_several_of_several_aspects(self, call, good, model):
        assert call("crop", "photos/b.jpg", "--aspect", "1:1,16:9,1:1", "--top", 2, "--smallest", ".3") is None
        text = (good.parent / "crops/crops.csv").read_text()
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(row["aspect"], row["number"]) for row in rows] == [
            *(("1:1", "1"), ("1:1", "2"), ("16:9", "1"), ("16:9", "2"))
        ]
        assert [row["crop"] for row in rows] == ["b_1x1_1.jpg", "b_1x1_2.jpg", "b_16x9_1.jpg", "b_16x9_2.jpg"]
        for row, proposal in zip(rows, model.crop("photos/b.jpg", 1.0, 0.3, top=2), strict=False):
            assert tuple(int(row[side]) for side in ("left", "top", "right", "bottom")) == proposal.box
            with Image.open(good.parent / "crops" / row["crop"]) as cut:
                assert cut.size == (proposal.box.width, proposal.box.height)

    def test_rescoring_is_the_models(self, call, good, model):
        assert call("crop", "photos/in/b.png", "--aspect", "1:1", "--smallest", ".3", "--rescore") is None
        row = read(good.parent / "crops/crops.csv")["photos/in/b.png"]
        (proposal,) = model.crop("photos/in/b.png", 1.0, 0.3, rescore=True)
        assert tuple(int(row[side]) for side in ("left", "top", "right", "bottom")) == proposal.box

    def test_what_must_be_kept_is_kept_or_named(self, call, good, capsys):
        Image.fromarray(picture(20, 20)).save(good / "small.png")
        ended = call("crop", "photos", "--keep", "40,2,58,20", "--keep", "50,40,58,58", "--aspect", "1:1")
        assert ended == "awcu: 1 of 4 photographs failed, see above; all others are done"
        assert capsys.readouterr().err.startswith("awcu: photos/small.png: ")
        rows = read(good.parent / "crops/crops.csv")
        for path in (f"photos/{name}" for name in NAMES):
            left, top, right, bottom = (int(rows[path][side]) for side in ("left", "top", "right", "bottom"))
            assert left <= 40
            assert top <= 2
            assert right >= 58
            assert bottom >= 58
        assert rows["photos/small.png"]["crop"] == ""

    def test_quality_reaches_the_file(self, call, good):
        for quality in (30, 95):
            call("crop", "photos/b.jpg", "--quality", quality, "--out", f"q{quality}", "--aspect", "original")
        sizes = [(good.parent / f"q{quality}/b.jpg").stat().st_size for quality in (30, 95)]
        assert sizes[0] < sizes[1]

    @pytest.mark.parametrize(
        ("aspect", "message"),
        [("square", "awcu: 'square' is not an aspect"), ("50:1", "awcu: aspect '50:1' is too extr")],
    )
    def test_an_aspect_that_is_none_is_refused_before_any_work(self, call, good, monkeypatch, aspect, message):
        monkeypatch.setattr(AestheticModel, "from_pretrained", None)
        assert call("crop", "photos", "--aspect", f"1:1,{aspect}").startswith(message)
        assert not (good.parent / "crops").exists()

    def test_overwrite(self, call, good):
        for quality in (95, 30):
            assert call("crop", "photos/b.jpg", "--overwrite", "--quality", quality) is None
        assert {path.name for path in (good.parent / "crops").iterdir()} == {"b.jpg", "crops.csv"}
        assert len((good.parent / "crops/b.jpg").read_bytes()) < 2000

    def test_no_photograph_is_overwritten(self, call, good):
        before = {path: path.read_bytes() for path in good.rglob("*.*")}
        for out in ("photos", "."):
            ended = call("crop", "photos", "--out", out, "--overwrite")
            assert ended == f"awcu: {out}: all photographs lie in it, and none is overwritten; choose another --out"
        # A folder within: a second call leaves out what the first has written.
        for _ in range(2):
            assert call("crop", "photos", "--out", "photos/in/cut", "--overwrite") is None
            assert len(read(good / "in/cut/crops.csv")) == 3
        assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("command", ["explain", "crop"])
class TestFolders:
    def test_a_folder_that_holds_something_is_refused_before_any_work(self, call, good, monkeypatch, command):
        (good.parent / "out").mkdir()
        (good.parent / "out/mine.txt").write_text("mine")
        monkeypatch.setattr(AestheticModel, "from_pretrained", None)
        ended = call(command, "photos", "--out", "out")
        assert ended == "awcu: out: holds something already; add --overwrite or choose another --out"

    def test_a_file_is_no_folder(self, call, good, monkeypatch, command):
        (good.parent / "out").write_text("mine")
        monkeypatch.setattr(AestheticModel, "from_pretrained", None)
        ended = call(command, "photos", "--out", "out/deep")
        assert ended == "awcu: out/deep: cannot be written to (Not a directory); choose another --out"


@pytest.mark.parametrize("command", ["score", "explain", "crop"])
class TestAnyCommand:
    def test_no_photographs(self, call, tmp_path, monkeypatch, command):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty").mkdir()
        monkeypatch.setattr(AestheticModel, "from_pretrained", None)
        assert call(command, "empty").startswith("awcu: empty: a folder without photographs")
        assert call(command, "nowhere").startswith("awcu: nowhere: no such file or folder")
        assert call(command, "*.jpg").startswith("awcu: *.jpg: no photograph matches")

    def test_a_checkpoint_of_another_kind(self, call, good, command):
        (good.parent / "other.ckpt").write_bytes(b"no checkpoint")
        for name in ("other.ckpt", "missing.ckpt", "photos"):
            ended = call(command, "photos/b.jpg", model=name)
            assert ended.startswith("awcu: ")
            assert name in ended
            assert "\n" not in ended

    def test_without_a_model_that_of_the_package_says_what_it_is_for(self, monkeypatch, capsys, good, command):
        monkeypatch.setattr(sys, "argv", ["awcu", command, "photos/b.jpg", "--device", "cpu"])
        cli.main()
        config, _ = load(BUNDLED)
        said = f"awcu: {purpose(config.trained_on).model} --checkpoint MODEL takes another.\n"
        assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_a_device_that_is_not_there(checkpoint, good, monkeypatch, device):
    line = ["awcu", "score", "photos", "--checkpoint", str(checkpoint), "--device", device]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit, match=rf"^awcu: --device {device} is not there \(.+\); leave it out or give cpu"):
        cli.main()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "--batch-size", "0"], "'0' is not a whole number from 1"),
        (["score", "--batch-size", "many"], "'many' is not a whole number from 1"),
        (["explain", "--attributes", "-1"], "'-1' is not a whole number from 0"),
        (["explain", "--scales", "1,,2"], "'' is not a number above 0 and up to 8"),
        (["explain", "--scales", "nan"], "'nan' is not a number above 0 and up to 8"),
        (["crop", "--smallest", "1.5"], "'1.5' is not a number above 0 and up to 1"),
        (["crop", "--quality", "101"], "'101' is not a whole number from 1 to 100"),
        (["crop", "--keep", "1,2,3"], "'1,2,3' is not a box; give left,top,right,bottom in pixels"),
        (["crop", "--keep", "5,0,5,9"], "'5,0,5,9' is not a box"),
        (["crop", "--keep=-1,0,5,9"], "'-1' is not pixels from 0"),
    ],
)
def test_values_that_cannot_be_are_named(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["awcu", *arguments, "a.jpg", "--checkpoint", "a.ckpt"])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert message in capsys.readouterr().err


def test_help_needs_nothing_heavy():
    code = "import sys; sys.argv = ['awcu', 'crop', '--help']\nfrom awcu.commands.main import main\ntry: main()\n"
    code += "except SystemExit: pass\nsys.exit(', '.join({'torch', 'numpy', 'PIL', 'rich'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--rescore" in done.stdout


def test_judging_imports_nothing_of_training_or_drawing():
    heavy = {"pytorch_lightning", "torchmetrics", "albumentations", "matplotlib", "wandb", "hydra", "timm", "jinja2"}
    code = f"import sys, awcu.commands.judging\nsys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_packages_own_model_is_loaded_without_timm_and_torchs_compiler():
    code = (
        "import sys; from awcu.inference.predictor import AestheticModel; from awcu.models.pretrained import BUNDLED\n"
        "AestheticModel.from_pretrained(BUNDLED, 'cpu')\n"
        "sys.exit(', '.join({'timm', 'torchvision', 'torch._dynamo', 'sympy', 'wandb'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
