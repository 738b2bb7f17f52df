"""`awcu prepare`, from what is typed to what lies in the folder."""

import csv
import shlex
import shutil
import sys
from pathlib import Path

import platformdirs
import pytest
from conftest import VOTE_COLUMNS
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image
from published_layouts import tad66k

from awcu.commands import main as cli
from awcu.commands import prepare, train
from awcu.config.hydra import conf_folder
from awcu.datasets.prepared import Prepared
from awcu.errors import ConfigurationError, PreparedError, SourceError
from awcu.models.network import AestheticNet
from awcu.probing.backbones import see
from awcu.ratings.splits import SPLITS
from awcu.training.build import read_ratings

TINY = (
    "data=table",
    "data.ratings.name=tiny set",
    f"data.ratings.vote_columns=[{','.join(VOTE_COLUMNS)}]",
    "data.ratings.scale=[1,2,3,4,5]",
    "data.ratings.midpoint=3",
    "data.ratings.val=0.25",
    "data.ratings.test=0.25",
)


def composed(page, *overrides):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose(page, list(overrides))


def typed(root, *more):
    return (*TINY, f"data.root={root}", "workers=1", *more)


def prepared(root, folder, *more):
    overrides = typed(root, f"data.prepared={folder}", *more)
    return prepare.run(composed("prepare", *overrides), "table", overrides)


def rows(folder):
    with (folder / "manifest.csv").open(newline="") as file:
        return {row["image_id"]: row for row in csv.DictReader(file)}


@pytest.fixture
def faulty(rated_folder, ratings):
    """A test photograph that is one of training's, an empty one and a missing one, by what is wrong."""
    ids = {split: ratings.image_ids[ratings.split == split].tolist() for split in SPLITS}
    images = rated_folder / "images"
    shutil.copy(images / ids["train"][0], images / ids["test"][0])
    (images / ids["train"][1]).write_bytes(b"")
    (images / ids["val"][0]).unlink()
    return {"copied": ids["train"][0], "copy": ids["test"][0], "empty": ids["train"][1], "gone": ids["val"][0]}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    return tmp_path / "cache" / "awcu" / "prepared"


class TestWholeCommand:
    """With what is found on the way to a set, typed into a shell."""

    def test_a_set_with_every_fault(self, rated_folder, faulty, tmp_path, monkeypatch, capsys):
        folder, here = tmp_path / "prepared", tmp_path / "here"
        here.mkdir()
        monkeypatch.chdir(here)
        words = typed(rated_folder, f"data.prepared={folder}", "quality=90")
        monkeypatch.setattr(sys, "argv", ["awcu", "prepare", *words])
        cli.main()
        said = capsys.readouterr().out
        assert list(here.iterdir()) == []
        assert {one.name for one in folder.iterdir()} >= {"manifest.csv", "summary.html", "ratings.png"}
        assert len(list(folder.glob("*/*.jpg"))) == 22
        with Image.open(folder / "ratings.png") as picture:
            assert picture.width > 1000
        assert f"tiny set: 24 photographs, prepared in {folder}\n" in said
        for line in (
            "22 photographs rated from 1 to 5. ",
            f"1 photograph missing\n  {faulty['gone']}\n",
            f"1 photograph unreadable\n  {faulty['empty']}: zero bytes; fetch the photograph again\n",
            "Warning: 1 photograph in more than one split, byte for byte the same\n",
            f"\nsummary.html  {folder}/summary.html\n",
        ):
            assert line in said
        assert {f"{faulty['copied']} (train)", f"{faulty['copy']} (test)"} == set(
            said.partition("byte for byte the same\n  ")[2].partition("\n")[0].split(" = ")
        )
        assert "tiny set" in (folder / "summary.html").read_text()

    def test_the_command_to_type_next_reads_what_was_prepared(self, rated_folder, faulty, tmp_path, capsys):
        root, folder = tmp_path / "a 'set' (1)", tmp_path / "kept, here"
        shutil.copytree(rated_folder / "images", root / "images")
        shutil.copy(rated_folder / "ratings.csv", root)
        quoted = "'" + str(root).replace("'", r"\'") + "'"
        prepared(quoted, f"'{folder}'", "short_side=32", "seed=3")
        command = capsys.readouterr().out.partition("Train on them:\n")[2]
        words = shlex.split(command)
        assert words[:2] == ["awcu", "train"]
        assert not [word for word in words if word.split("=")[0] in ("workers", "short_side")]
        cfg = composed("train", *words[2:])
        assert (cfg.images.size, cfg.seed) == (32, 3)
        ratings, excluded = read_ratings(cfg, Prepared.open(cfg.data.prepared))
        assert (len(ratings), excluded) == (22, 2)

    def test_what_the_user_can_mend_is_one_line(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["awcu", "prepare", *typed(tmp_path / "nowhere")])
        with pytest.raises(SystemExit, match=r"^awcu: .*nowhere"):
            cli.main()

    def test_ctrl_c_is_one_line(self, tmp_path, monkeypatch):
        def interrupted(*arguments):
            raise KeyboardInterrupt

        monkeypatch.setattr(prepare, "run", interrupted)
        monkeypatch.setattr(sys, "argv", ["awcu", "prepare"])
        with pytest.raises(SystemExit, match=r"^awcu: stopped; run the same command again"):
            cli.main()


class TestReport:
    def test_counts_are_those_that_training_will_have(self, rated_folder, faulty, tmp_path):
        report = prepared(rated_folder, tmp_path / "prepared")
        cfg = composed("train", *TINY, f"data.root={rated_folder}", "data.on_unreadable=exclude")
        ratings, excluded = read_ratings(cfg)
        *splits, everything = report.counts
        assert {row.split: (row.photographs, row.high) for row in splits} == {
            split: ((part := ratings.split == split).sum(), ratings.high[part].sum()) for split in SPLITS
        }
        assert everything.left_out == excluded == 2

    def test_manifest(self, rated_folder, faulty, tmp_path):
        prepared(rated_folder, tmp_path / "prepared")
        lines = rows(tmp_path / "prepared")
        assert len(lines) == 24
        copies = sorted([faulty["copied"], faulty["copy"]])
        assert {one: row["duplicate_of"] for one, row in lines.items() if row["duplicate_of"]} == {copies[1]: copies[0]}
        faults = {one: row["fault"].partition(";")[0] for one, row in lines.items() if row["fault"]}
        assert faults == {faulty["gone"]: "no such file", faulty["empty"]: "zero bytes"}
        whole = lines[faulty["copied"]]
        assert whole["path"] == f"images/{faulty['copied']}"
        assert (whole["split"], whole["width"], whole["height"]) == ("train", "48", "40")
        assert int(whole["bytes"]) == (rated_folder / whole["path"]).stat().st_size

    def test_notes_are_printed(self, tmp_path, capsys):
        overrides = ("data=tad66k", f"data.root={tmp_path}", f"data.prepared={tmp_path}/prepared", "workers=1")
        overrides += tuple(tad66k.write(tmp_path))
        next(path for path in tmp_path.rglob("*.jpg")).unlink()
        report = prepare.run(composed("prepare", *overrides), "tad66k", overrides)
        said = capsys.readouterr().out
        assert "1 photographs in" in " ".join(report.ratings.notes)
        assert all(f"\n{note}\n" in said for note in report.ratings.notes)

    def test_a_faultless_set_needs_nothing_more_to_train(self, rated_folder, tmp_path, capsys):
        prepared(rated_folder, tmp_path / "prepared")
        said = capsys.readouterr().out
        assert "No photograph is missing, unreadable or duplicated." in said
        assert said.endswith(f"data.root={rated_folder} data.prepared={tmp_path / 'prepared'}\n")

    def test_an_unreadable_set_is_refused(self, rated_folder, tmp_path):
        for path in (rated_folder / "images").iterdir():
            path.write_bytes(b"no photograph")
        message = r"^tiny set: none of its 24 photographs can be read \(picture_00.jpg: not an image .* and 19 more\)"
        with pytest.raises(PreparedError, match=message):
            prepared(rated_folder, tmp_path / "prepared")
        assert not (tmp_path / "prepared" / "summary.html").exists()

    def test_a_folder_that_cannot_take_the_report(self, rated_folder, tmp_path):
        folder = tmp_path / "prepared"
        (folder / "ratings.png").mkdir(parents=True)
        with pytest.raises(PreparedError, match=r"prepared cannot be written \(.*\); make room, then run the same"):
            prepared(rated_folder, folder)


@pytest.mark.usefixtures("one_thread")
def test_training_and_features_read_what_was_prepared(rated_folder, tmp_path):
    folder = tmp_path / "prepared"
    report = prepared(rated_folder, folder, "short_side=64")
    shutil.rmtree(rated_folder / "images")
    small = (*TINY, f"data.root={rated_folder}", f"data.prepared={folder}", "network.backbone=test_resnet")
    small = (*small, "images.size=64")
    quick = ("loader.workers=0", "loader.batch_size=6", "trainer.max_epochs=1", "trainer.accelerator=cpu")
    quick = (*quick, "wandb.mode=disabled")
    record = train.run(composed("train", *small, *quick), tmp_path / "run")
    assert sum(record.n.values()) == 24
    cfg = composed("probe", *small, f"features.folder={tmp_path}", "features.workers=0")
    assert see(cfg, report.ratings, AestheticNet("test_resnet", image_size=64)).pooled.shape[:2] == (24, 1)


class TestFolder:
    def test_default(self, rated_folder, cache, capsys):
        overrides = typed(rated_folder)
        prepare.run(composed("prepare", *overrides), "table", overrides)
        (folder,) = cache.iterdir()
        assert folder.name.startswith("tiny-set-256px-")
        assert len(folder.name) == len("tiny-set-256px-") + 8
        said = capsys.readouterr().out
        assert f"prepared in {folder}\n" in said
        assert f"data.prepared={folder}\n" in said
        assert len(Prepared.open(folder).facts) == 24

    def test_default_is_of_the_photographs_not_of_their_order_or_split(self, ratings, cache):
        folder = prepare.default_folder(ratings, 256)
        assert folder.parent == cache
        assert prepare.default_folder(ratings.select(ratings.mean_score.argsort()), 256) == folder
        assert prepare.default_folder(ratings.select(ratings.split != "val"), 256) != folder
        assert prepare.default_folder(ratings, 128) != folder

    @pytest.mark.parametrize(
        ("name", "start"),
        [("OASIS beauty", "oasis-beauty"), ("user/AVA_10%", "user-ava-10"), ("照片", "照片"), ("?!", "photographs")],
    )
    def test_default_name(self, make_ratings, name, start):
        ratings = make_ratings(votes=[[1, 0, 0, 0, 0], [0, 0, 0, 0, 1]], name=name)
        assert prepare.default_folder(ratings, 64).name.startswith(f"{start}-64px-")


class TestDownload:
    def test_a_set_that_can_be_fetched_is_fetched_first(self, rated_folder, tmp_path):
        root, folder = tmp_path / "fetched", tmp_path / "prepared"
        how = f"{{_target_: shutil.copytree, src: {rated_folder}, dst: {root}}}"
        overrides = typed(root, f"data.prepared={folder}", "download=true", f"+data.download={how}")
        report = prepare.run(composed("prepare", *overrides), "table", overrides)
        assert report.total == 24
        assert (root / "ratings.csv").is_file()

    def test_any_other_says_where_it_is(self, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["awcu", "prepare", "--download", "data=tad66k"])
        home = OmegaConf.load(Path(conf_folder()) / "data" / "tad66k.yaml").get("home", "its authors' page")
        with pytest.raises(SystemExit, match=r"^awcu: tad66k cannot be downloaded by this command") as ended:
            cli.main()
        assert str(ended.value).endswith(f"get it from {home}")

    def test_a_page_that_says_nothing(self):
        cfg = OmegaConf.create({"data": {"root": None}})
        with pytest.raises(SourceError, match=r"^mine cannot be .* get it from its authors' page$"):
            prepare.download(cfg, "mine")

    def test_what_hydra_wraps_comes_out_as_itself(self):
        with pytest.raises(SourceError, match="nothing to download"):
            prepare.download(composed("prepare", "data=huggingface"), "huggingface")


class TestSettings:
    @pytest.mark.parametrize("workers", ["0", "-1", "two", "1.5"])
    def test_workers(self, rated_folder, tmp_path, workers):
        with pytest.raises(ConfigurationError, match=r"^workers=.* must be a whole number from 1, or null"):
            prepared(rated_folder, tmp_path / "prepared", f"workers={workers}")

    def test_short_side(self, rated_folder, tmp_path):
        with pytest.raises(PreparedError, match=r"^short_side=0 must be"):
            prepared(rated_folder, tmp_path / "prepared", "short_side=0")

    def test_a_misspelt_one(self, rated_folder, tmp_path):
        with pytest.raises(ConfigurationError, match=r"^shortside is no setting; nearest: short_side"):
            prepared(rated_folder, tmp_path / "prepared", "+shortside=64")

    def test_one_that_the_reader_does_not_take(self, rated_folder, tmp_path):
        with pytest.raises(ConfigurationError, match=r"^awcu.datasets.readers.table.read cannot be built: .*colour"):
            prepared(rated_folder, tmp_path / "prepared", "+data.ratings.colour=red")

    def test_the_second_time_is_the_same(self, rated_folder, tmp_path):
        names = ("manifest.csv", "summary.html", "ratings.png")
        prepared(rated_folder, tmp_path / "prepared")
        first = [(tmp_path / "prepared" / name).read_bytes() for name in names]
        prepared(rated_folder, tmp_path / "prepared")
        assert [(tmp_path / "prepared" / name).read_bytes() for name in names] == first

    def test_the_gallery_is_the_default(self):
        assert composed("prepare").data.ratings == composed("train").data.ratings
