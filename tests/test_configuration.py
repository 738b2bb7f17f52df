from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from awcu.configuration import ConfigurationError, check_keys, conf_folder, folder_name, variant


def composed(*overrides):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose("train", list(overrides))


@pytest.mark.parametrize("experiment", sorted(path.stem for path in Path(conf_folder()).glob("experiment/*.yaml")))
def test_every_experiment_uses_only_settings_there_are(experiment):
    check_keys(composed(f"experiment={experiment}"))


@pytest.mark.parametrize("data", sorted(path.stem for path in Path(conf_folder()).glob("data/*.yaml")))
@pytest.mark.parametrize("weighting", sorted(path.stem for path in Path(conf_folder()).glob("weighting/*.yaml")))
def test_every_choice_composes(data, weighting):
    check_keys(composed(f"data={data}", f"weighting={weighting}"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+learning_rate=3", "^learning_rate is no setting; nearest: "),
        ("+task.learnin_rate=3", r"^task\.learnin_rate is no setting; nearest: task\.learning_rate"),
        ("+wandb.zzz=3", r"^wandb\.zzz is no setting; nearest: wandb\.entity, wandb\.mode, wandb\.project"),
    ],
)
def test_a_key_nothing_reads_is_refused(override, message):
    with pytest.raises(ConfigurationError, match=message):
        check_keys(composed(override))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), "default"),
        (("seed=3", "data.root=/x", "experiment=reproduce", "wandb.mode=offline"), "default"),
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
