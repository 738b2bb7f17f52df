from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from awcu.config.hydra import check_experiment, check_keys, conf_folder, folder_name, instantiated, variant
from awcu.errors import ConfigurationError, WeightingError


def composed(*overrides, page="train"):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose(page, list(overrides))


EXPERIMENTS = Path(conf_folder()) / "experiment"
NAMES = sorted(path.relative_to(EXPERIMENTS).with_suffix("").as_posix() for path in EXPERIMENTS.rglob("*.yaml"))
PAGES = {"frozen": ["train", "probe"], "probe_agreement": ["train"]}
"""Of the experiments whose name does not tell: `probe_…` are for awcu probe, the others for awcu train."""


def accepts(page, experiment):
    try:
        check_keys(composed(f"experiment={experiment}", page=page), page)
    except ConfigurationError:
        return False
    return True


@pytest.mark.parametrize("experiment", NAMES)
def test_every_experiment_uses_only_settings_there_are(experiment):
    """And those of the other command's page are refused, not ignored."""
    expected = PAGES.get(experiment, ["probe" if experiment.startswith("probe_") else "train"])
    assert [page for page in ("train", "probe") if accepts(page, experiment)] == expected


@pytest.mark.parametrize("data", sorted(path.stem for path in Path(conf_folder()).glob("data/*.yaml")))
@pytest.mark.parametrize("weighting", sorted(path.stem for path in Path(conf_folder()).glob("weighting/*.yaml")))
def test_every_choice_composes(data, weighting):
    check_keys(composed(f"data={data}", f"weighting={weighting}"), "train")


@pytest.mark.parametrize("data", sorted(path.stem for path in Path(conf_folder()).glob("data/*.yaml")))
def test_every_data_set_can_be_probed(data):
    """Without `weighting`, which is no group of that page: its rows name their own."""
    cfg = composed(f"data={data}", "seed=7", page="probe")
    check_keys(cfg, "probe")
    assert cfg.data.ratings.split_seed == 7, "every seed is another split"


@pytest.mark.parametrize(
    ("page", "override", "message"),
    [
        ("train", "+learning_rate=3", "^learning_rate is no setting; nearest: "),
        ("train", "+task.learnin_rate=3", r"^task\.learnin_rate is no setting; nearest: task\.learning_rate"),
        (
            "train",
            "+wandb.zzz=3",
            r"^wandb\.zzz is no setting; nearest: wandb\.entity, wandb\.mode, wandb\.photographs, wandb\.project",
        ),
        ("train", "+features.flip=true", "^features is no setting; nearest: "),
        ("probe", "+probes.folds=3", "^probes is no setting; nearest: probe"),
        ("probe", "+probe.fold=3", r"^probe\.fold is no setting; nearest: probe\.folds"),
        ("probe", "+simulate.vote=3", r"^simulate\.vote is no setting; nearest: simulate\.votes"),
        ("probe", "+features.flips=true", r"^features\.flips is no setting; nearest: features\.flip"),
        ("probe", "+task.learning_rate=3", "^task is no setting; nearest: "),
        ("probe", "+network.drop_rate=0.5", r"^network\.drop_rate is no setting; nearest: "),
    ],
)
def test_a_key_nothing_reads_is_refused(page, override, message):
    with pytest.raises(ConfigurationError, match=message):
        check_keys(composed(override, page=page), page)


@pytest.mark.parametrize("name", [*NAMES, "null", "oasis,biq2021"])
def test_every_experiment_there_is_may_be_asked_for(name):
    check_experiment(["-m", f"experiment={name}", "seed=0"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("experiment=oasiss", r"^experiment=oasiss does not exist; nearest: oasis, maps_oasis"),
        ("+experiment=oasis,reproduse", r"^experiment=reproduse does not exist; nearest: reproduce"),
        ("experiment=zzzzzzzz", r"nearest: backbones, biq2021, .*, weighting/oasis$"),
    ],
)
def test_an_experiment_that_does_not_exist_is_told_its_neighbours(override, message):
    with pytest.raises(ConfigurationError, match=message):
        check_experiment([override])


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), "default"),
        (("seed=3", "data.root=/x", "data.prepared=/y", "experiment=reproduce", "wandb.mode=offline"), "default"),
        (("weighting=step", "seed=3", "+task.warmup=0"), "+task.warmup=0 weighting=step"),
        (("data=oasis", "data.ratings.val=0.2"), "data.ratings.val=0.2 data=oasis"),
    ],
)
def test_variant_leaves_out_the_seed_and_the_machine(overrides, expected):
    assert variant(overrides) == expected


def test_folder_names_are_short_without_slashes_and_differ():
    assert folder_name("seed=0,weighting=step_4") == "seed=0,weighting=step_4"
    assert folder_name("file=a/b") == "file=a_b"
    long = [folder_name("key=" + "x" * 200 + end) for end in "ab"]
    assert long[0] != long[1]
    assert all(len(name) < 120 and name.startswith("key=xxx") for name in long)


def test_what_cannot_be_built_is_said_with_its_target():
    cfg = OmegaConf.create({"_target_": "awcu.ratings.weighting.Step", "detla": 1})
    with pytest.raises(
        ConfigurationError, match=r"awcu\.ratings\.weighting\.Step cannot be built: .*detla.*correct its values"
    ):
        instantiated(cfg)


def test_an_error_of_ours_comes_out_as_itself():
    cfg = OmegaConf.create({"_target_": "awcu.ratings.weighting.Step", "delta": -1, "ratio": 4})
    with pytest.raises(WeightingError, match="delta"):
        instantiated(cfg)


def test_a_fault_of_the_code_is_not_hidden():
    with pytest.raises(InstantiationException, match="division by zero"):
        instantiated(OmegaConf.create({"_target_": "operator.truediv", "_args_": [1, 0]}))
