import json
import math

import pytest

from awcu.config.identity import claim, current_target, identity, settings, without_place
from awcu.errors import IdentityError


@pytest.fixture
def wanted(configured):
    return lambda *overrides: settings(configured(*overrides))


@pytest.mark.parametrize(
    "machine",
    ["data.root=/elsewhere", "data.prepared=/small", "loader.workers=7", "trainer.accelerator=gpu", "trainer.devices=4",
     "wandb.project=mine", "wandb.mode=online", "wandb.photographs=0"],
)  # fmt: skip
def test_a_machine_does_not_make_another_run(wanted, machine):
    assert wanted(machine) == wanted()


@pytest.mark.parametrize(
    "other",
    ["seed=1", "weighting=step", "name=other", "trainer.max_epochs=3", "data.ratings.split_seed=1", "task.warmup=0",
     "trainer.checkpoint=last", "+trainer.accumulate_grad_batches=2"],
)  # fmt: skip
def test_what_decides_the_numbers_does(wanted, other):
    assert identity(wanted(other)) != identity(wanted())


def test_the_same_setting_said_in_another_way_is_the_same_run(wanted):
    """A weighting of the group is its values; an override that repeats the default says nothing."""
    assert wanted("weighting=step") == wanted("weighting=step", "weighting.delta=1.0", "weighting.ratio=4.0")
    assert wanted("trainer.max_epochs=2", "seed=0") == wanted()


def test_a_file_counts_by_its_content(wanted, tmp_path):
    for name, content in (("one", b"a"), ("copy", b"a"), ("other", b"b")):
        (tmp_path / name).write_bytes(content)
    one, copy, other = (wanted(f"start_from={tmp_path}/{name}") for name in ("one", "copy", "other"))
    assert one == copy != other
    assert wanted("start_from=gone.ckpt")["start_from"] == "gone.ckpt"


def test_each_file_of_a_list_counts_by_its_content(wanted, tmp_path):
    for name, content in (("one", b"a"), ("copy", b"a"), ("other", b"b")):
        (tmp_path / name).write_bytes(content)
    one, copy, other = (wanted(f"network.weights_file=[null,{tmp_path}/{n}]") for n in ("one", "copy", "other"))
    assert one == copy != other
    assert one["network.weights_file"][0] is None


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("network.weights_file=/home/me/w.pth", "network.weights_file=…/w.pth"),
        ("network.weights_file=[/home/me/w.pth,null, 'b/v.pth']", "network.weights_file=[…/w.pth,null,…/v.pth]"),
        ("network.backbone=[resnet18,resnet34]", "network.backbone=[resnet18,resnet34]"),
    ],
)
def test_an_override_shows_no_folder_of_this_machine(override, expected):
    assert without_place(override) == expected


def test_the_configuration_is_not_changed(configured):
    cfg = configured()
    before = cfg.copy()
    settings(cfg)
    assert cfg == before
    assert cfg.data.root is not None


class TestClaim:
    def test_a_new_folder_becomes_the_runs(self, wanted, tmp_path):
        found = claim(tmp_path / "run", wanted())
        assert json.loads((tmp_path / "run" / "identity.json").read_text()) == {
            "identity": found,
            "settings": wanted(),
        }

    @pytest.mark.parametrize("result", ["record.json", "checkpoints", "results.csv"])
    def test_what_holds_another_run_is_refused_with_what_differs(self, wanted, tmp_path, result):
        claim(tmp_path, wanted("weighting=step", "trainer.max_epochs=3"))
        (tmp_path / result).touch()
        held = (tmp_path / "identity.json").read_text()
        assert claim(tmp_path, wanted("weighting=step", "trainer.max_epochs=3")) == json.loads(held)["identity"]
        with pytest.raises(
            IdentityError, match=r"holds another run \(trainer\.max_epochs 3, not 2\); remove the folder to run"
        ):
            claim(tmp_path, wanted("weighting=step"))
        with pytest.raises(IdentityError, match=r"weighting\.delta 1\.0, not None; .*and \d more\)"):
            claim(tmp_path, wanted("seed=1", "task.warmup=0"))
        assert (tmp_path / "identity.json").read_text() == held

    def test_what_has_only_failed_is_given_away(self, wanted, tmp_path):
        claim(tmp_path, wanted("seed=1"))
        (tmp_path / "failure.json").touch()
        claim(tmp_path, wanted())
        assert json.loads((tmp_path / "identity.json").read_text())["settings"] == wanted()

    @pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"settings"'])
    def test_a_run_that_does_not_say_its_settings_is_refused(self, wanted, tmp_path, content):
        (tmp_path / "record.json").touch()
        if content is not None:
            (tmp_path / "identity.json").write_text(content)
        with pytest.raises(IdentityError, match="holds a run, but not with which settings it was made"):
            claim(tmp_path, wanted())

    def test_an_infinite_ratio_is_equal_to_itself(self, wanted, tmp_path):
        infinite = wanted("weighting=step", "weighting.delta=1", "weighting.ratio=inf")
        assert infinite["weighting.ratio"] == math.inf
        claim(tmp_path, infinite)
        (tmp_path / "record.json").touch()
        claim(tmp_path, infinite)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("awcu.sources.table.read", "awcu.datasets.readers.table.read"),
        ("awcu.sources.gallery.read", "awcu.datasets.gallery.read"),
        ("awcu.sources.huggingface.read", "awcu.datasets.huggingface.read"),
        ("awcu.weighting.Step", "awcu.ratings.weighting.Step"),
        ("awcu.ratings.weighting.Step", "awcu.ratings.weighting.Step"),
        ("torch.nn.Linear", "torch.nn.Linear"),
    ],
)
def test_targets_of_older_runs_are_found_where_they_lie_today(old, new):
    assert current_target(old) == new


def test_a_run_from_before_the_rooms_is_still_its_own(wanted, tmp_path):
    settings = wanted("weighting=step")
    claim(tmp_path, settings)
    (tmp_path / "record.json").write_text("{}")
    path = tmp_path / "identity.json"
    older = (
        path.read_text()
        .replace("awcu.ratings.weighting.", "awcu.weighting.")
        .replace("awcu.datasets.readers.", "awcu.sources.")
    )
    assert older != path.read_text()
    path.write_text(older)
    assert claim(tmp_path, settings) == identity(settings)
