import math
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from awcu.config.hydra import (
    COMMANDS,
    check_experiment,
    check_keys,
    conf_folder,
    experiments,
    folder_name,
    instantiated,
    misspelt,
    swept_choices,
    variant,
)
from awcu.errors import ConfigurationError, WeightingError
from awcu.ratings.weighting import Drop, Exponential, Power, Sigmoid, Step, Uniform, VoteConfidence
from awcu.runs.record import read_results_csv

RESULTS = Path(__file__).parents[2] / "experiments"


def composed(*overrides, page="train"):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose(page, list(overrides))


ASKED = [(command, name) for command in COMMANDS for name in experiments(command)]
NAMES = sorted({name for _, name in ASKED})


@pytest.mark.parametrize(("command", "experiment"), ASKED)
def test_every_experiment_uses_only_settings_there_are(command, experiment):
    check_keys(composed(f"experiment={experiment}", page=command), command)


@pytest.mark.parametrize("data", sorted(path.stem for path in Path(conf_folder()).glob("data/*.yaml")))
def test_every_data_set_can_be_trained_on(data):
    check_keys(composed(f"data={data}"), "train")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["uniform"], Uniform()),
        (["drop"], Drop(delta=1)),
        (["step"], Step(delta=1, ratio=4)),
        (["step", "weighting.ratio=inf"], Step(delta=1, ratio=math.inf)),
        (["step", "weighting.delta=0.5", "weighting.ratio=1"], Step(delta=0.5, ratio=1)),
        (["power"], Power(gamma=1)),
        (["exponential"], Exponential(beta=1)),
        (["sigmoid"], Sigmoid(delta=0.5, tau=0.2)),
        (["vote_confidence"], VoteConfidence()),
        (["at_half/x2"], Step(delta=0.5, ratio=2)),
        (["at_half/x4"], Step(delta=0.5, ratio=4)),
        (["at_half/x16"], Step(delta=0.5, ratio=16)),
        (["at_half/drop"], Drop(delta=0.5)),
        (["at_one/x2"], Step(delta=1, ratio=2)),
        (["at_one/x4"], Step(delta=1, ratio=4)),
        (["at_one/x16"], Step(delta=1, ratio=16)),
        (["at_one/drop"], Drop(delta=1)),
    ],
)
def test_weightings_are_seven_families_and_their_parameters(typed, expected):
    assert instantiated(composed(f"weighting={typed[0]}", *typed[1:]).weighting) == expected
    assert len(list(Path(conf_folder()).glob("weighting/*.yaml"))) == 7


SWEPT = [
    name
    for name, path in experiments("train").items()
    if (RESULTS / name / "results.csv").exists() and OmegaConf.select(OmegaConf.load(path), "hydra.sweeper.params")
]


@pytest.mark.parametrize("experiment", SWEPT)
def test_a_sweep_trains_what_its_committed_results_are_of(experiment):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        cfg = compose("train", [f"experiment={experiment}"], return_hydra_config=True)
    params = [f"{key}={value}" for key, value in cfg.hydra.sweeper.params.items()]
    (jobs,) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(params), max_batch_size=None)
    committed = {record.variant for record in read_results_csv(RESULTS / experiment / "results.csv")}
    # A ratio of 1 is uniform at either delta, and committed once.
    assert {variant(tuple(job)) for job in jobs} - committed <= {"weighting.delta=0.5 weighting.ratio=1 weighting=step"}


def test_every_weighting_of_the_committed_results_can_be_asked_for():
    variants = {record.variant for path in RESULTS.rglob("results.csv") for record in read_results_csv(path)}
    asked = {tuple(word for word in one.split() if word.startswith("weighting")) for one in variants} - {()}
    assert len(asked) > 20
    for *parameters, family in map(sorted, asked):
        page = OmegaConf.load(Path(conf_folder()) / f"{family.replace('=', '/')}.yaml")
        OmegaConf.set_struct(page, True)
        for one in OverridesParser.create().parse_overrides(parameters):
            OmegaConf.update(page, one.key_or_group.removeprefix("weighting."), one.value())
        instantiated(page)


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
        ("probe", "+features.flips=true", r"^features\.flips is no setting; nearest: features\.flip"),
        ("probe", "+task.learning_rate=3", "^task is no setting; nearest: "),
        ("probe", "+network.drop_rate=0.5", r"^network\.drop_rate is no setting; nearest: "),
    ],
)
def test_a_key_nothing_reads_is_refused(page, override, message):
    with pytest.raises(ConfigurationError, match=message):
        check_keys(composed(override, page=page), page)


@pytest.mark.parametrize("name", [*NAMES, "null", "families,heads"])
def test_every_experiment_there_is_may_be_asked_for(name):
    check_experiment(["-m", f"experiment={name}", "seed=0"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("experiment=familie", r"^experiment=familie does not exist; nearest: families"),
        ("+experiment=families,reproduse", r"^experiment=reproduse does not exist; nearest: reproduce"),
        ("experiment=zzzzzzzz", r"nearest: ava, .*, weighting/recipe$"),
        (
            "experiment=probe_ladder",
            r"^experiment=probe_ladder is for awcu probe; type awcu probe experiment=probe_ladder",
        ),
    ],
)
def test_an_experiment_that_does_not_exist_is_told_its_neighbours(override, message):
    with pytest.raises(ConfigurationError, match=message):
        check_experiment([override], ["train"])


@pytest.mark.parametrize(
    ("typed", "multirun", "expected"),
    [
        ("experiment=reproduce weighting.ratio=4", False, ["weighting=step"]),
        ("experiment=reproduce seed=0,1 task.objective=score", False, ["weighting=step"]),
        ("experiment=reproduce weighting=power weighting.gamma=1", False, []),
        ("experiment=families seed=0", False, []),  # sweeps over the choices themselves
        ("experiment=reproduce hydra.mode=RUN weighting=step weighting.ratio=4", False, []),
        ("experiment=reproduce hydra.mode=RUN", True, ["weighting=step"]),
        ("seed=0,1", True, []),
        ("experiment=reproduce seed=[1", False, []),
    ],
)
def test_what_a_sweep_chooses_once_need_not_be_typed(typed, multirun, expected):
    assert swept_choices("train", typed.split(), multirun) == expected
    assert not GlobalHydra.instance().is_initialized()


@pytest.mark.parametrize(
    ("page", "typed", "expected"),
    [
        ("train", "trainer.max_epoch=3", "trainer.max_epoch is no setting; nearest: trainer.max_epochs"),
        ("train", "trainer.max_epoch=3,4", "trainer.max_epoch is no setting; nearest: trainer.max_epochs"),
        ("train", "epochs=3", "epochs is no setting; nearest: trainer.max_epochs"),
        ("train", "network.backbon=resnet18", "network.backbon is no setting; nearest: network.backbone"),
        ("train", "wieghting=step", "wieghting is no setting; nearest: weighting"),
        ("train", "experimnt=reproduce", "experimnt is no setting; nearest: experiment"),
        ("train", "weighting=stepp", "weighting=stepp does not exist; nearest: step"),
        ("train", "weighting=uniform,stepp", "weighting=stepp does not exist; nearest: step"),
        ("train", "weighting=step weighting.rato=2", "weighting.rato is no setting; nearest: weighting.ratio"),
        ("train", "data=oasiss data.root=/x", "data=oasiss does not exist; nearest: oasis"),
        ("train", "hydra/launcher=basic trainer.max_epoch=3", "trainer.max_epoch is no setting; nearest: trainer.max_"),
        (
            "train",
            "weighting='step','power' trainer.max_epoch=3",
            "trainer.max_epoch is no setting; nearest: trainer.max_",
        ),
        ("train", "~trainer.max_epoch", "trainer.max_epoch is no setting; nearest: trainer.max_epochs"),
        ("train", "hydra.rn.dir=x", "hydra.rn.dir is no setting; nearest: hydra.run.dir"),
        ("train", "zzzz=1", "zzzz is no setting; nearest: allow_leak, "),
        ("probe", "probe.penaltys=[1]", "probe.penaltys is no setting; nearest: probe.penalties"),
        ("prepare", "short_sid=300", "short_sid is no setting; nearest: short_side"),
    ],
)
def test_what_hydra_would_refuse_is_told_its_neighbours(page, typed, expected):
    found = misspelt(page, typed.split())
    assert found is not None
    assert found.startswith(expected)
    assert not GlobalHydra.instance().is_initialized()


@pytest.mark.parametrize(
    ("page", "typed"),
    [
        ("train", "trainer.max_epochs=3 seed=1,2 weighting=step,power"),
        ("train", "trainer.max_epochs=range(1,3) +task.dropout=3 ++trainer.foo=1 ~wandb.entity"),
        ("train", "+trainer.foo=1 ++trainer.foo=2"),
        ("train", "weighting=null experiment=null"),
        ("train", "experiment=weighting/oasis data.root=/x hydra.run.dir=/y hydra/launcher=basic"),
        ("train", "experiment=reproduce weighting.ratio=1"),
        ("train", "trainer.max_epochs=interval(1,3) trainer.max_epoch=3"),
        ("train", "weighting=glob(*)"),
        ("probe", "probe.penalties=[1] probe.votes=50,200"),
        ("prepare", "data=table data.ratings.vote_columns=[a,b] download=true"),
        # Whatever else is wrong, Hydra says itself.
        ("train", "trainer.max_epoch=[3"),
        ("train", "data@x=oasis"),
        ("probe", "weighting=step"),
    ],
)
def test_nothing_is_said_of_what_hydra_takes_or_explains(page, typed):
    assert misspelt(page, typed.split()) is None


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


@pytest.mark.parametrize("page", COMMANDS)
def test_the_machine_names_no_folder_of_a_run_either(page):
    typed = {
        "train": ["loader.workers=0", "trainer.devices=2", "trainer.accelerator=cpu", "wandb.mode=offline"],
        "probe": ["features.workers=0", "features.folder=/f"],
    }[page]
    typed += ["data.root=/x", "data.prepared=/y", "network.weights_file=/z", "experiment=frozen", "seed=3"]
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        cfg = compose(page, typed, return_hydra_config=True)
    assert cfg.hydra.job.override_dirname == "seed=3"
    assert variant(tuple(typed)) == "default"


def test_folder_names_are_short_without_slashes_and_differ():
    assert folder_name("seed=0,weighting=step") == "seed=0,weighting=step"
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
