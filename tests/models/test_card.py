"""The card says what is known and names what is not, from the run's folder; the Hub's own parser reads its head."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from huggingface_hub import ModelCard
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from awcu.errors import RecordError
from awcu.metrics.bootstrap import point_and_interval
from awcu.models.card import METRICS, RunFacts, model_card, usage
from awcu.models.config import ModelConfig
from awcu.models.reference import Reference
from awcu.models.usual import End, Usual
from awcu.runs.record import RunRecord

CONFIG = ModelConfig(
    network={"backbone": "mobilenetv2_100", "image_size": 224},
    objective="binary",
    scale=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0),
    midpoint=4.0,
    attribute_names=("Animal", "Person"),
    attribute_loss="multi_label",
    preparation={"size": 224, "aspect": "warp", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    train_fingerprint="0123456789ab",
    reference=Reference(70, tuple(place / 50 - 1 for place in range(101)), 0.5, 1.0, 1.0, None),
)
MEASURED = {"accuracy": 0.8125, "balanced_accuracy": 0.75, "auroc": 0.875, "srcc": 0.6875, "plcc": 0.625}
RECORD = RunRecord(
    experiment="finetune",
    variant="weighting=power",
    weighting="Power(gamma=1.0)",
    seed=4,
    overrides=("data=oasis", "weighting=power"),
    data="OASIS beauty",
    data_fingerprint="bb0c7a70648f",
    split_fingerprint="5111f1n9e4",
    n={"train": 530, "val": 70, "test": 160, "excluded": 0},
    metrics={f"test/{name}": value for name, value in MEASURED.items()}
    | {"test/trivial/accuracy": 0.677, "test/trivial/auroc": 0.5, "test/trivial/srcc": 0.0},
    git_commit="c0ffee",
    git_dirty=False,
    versions={"python": "3.11.7", "torch": "2.15.0"},
    wall_time_s=60.0,
    checkpoint="/home/me/best.ckpt",
    created="2026-01-01T00:00:00+00:00",
)
INTERVALS = {name: (value - 0.0625, value + 0.0625) for name, value in MEASURED.items()}
RUN = RunFacts(RECORD, "split_seed 4, val 0.1, test 0.2", "train", True, INTERVALS)


def row(card, name):
    """The cells of the row with this first cell."""
    (line,) = (line for line in card.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")[1:]]


def test_what_is_usual_of_measured_attributes():
    one = Usual("noise", tuple(place / 2 for place in range(21)), End(-0.5, 0.1, -0.4, 0.2), None)
    other = Usual("contrast", one.quantiles, End(-0.5, 0.1, -0.1, 0.2), End(0.25, 0.5, 0.1, 0.5))
    reference = replace(CONFIG.reference, usual=(one, other))
    text = model_card(replace(CONFIG, reference=reference), "user/beauty", RUN)
    assert row(text, "noise") == ["1.5", "5", "8.5", "**−.50 ± .10 (−.40 ± .20)**", "–"]
    assert row(text, "contrast")[3:] == ["−.50 ± .10 (−.10 ± .20)", "+.25 ± .50 (+.10 ± .50)"]
    assert "Measured attributes" not in model_card(CONFIG, "user/beauty", RUN)


@pytest.fixture(scope="module")
def card():
    return model_card(CONFIG, "user/beauty", RUN)


def test_the_hub_reads_its_head(card):
    data = ModelCard(card).data
    assert (data.library_name, data.pipeline_tag, data.model_name) == ("awcu", "image-classification", "beauty")
    assert "image-aesthetics" in data.tags
    assert data.metrics == ["accuracy", "roc_auc", "spearmanr", "pearsonr"]
    results = {result.metric_type: result.metric_value for result in data.eval_results}
    named = {"accuracy": "accuracy", "auroc": "roc_auc", "srcc": "spearmanr", "plcc": "pearsonr"}
    assert results == {named.get(name, name): value for name, value in MEASURED.items()}
    assert {(result.dataset_name, result.dataset_type, result.dataset_split) for result in data.eval_results} == {
        ("OASIS beauty", "oasis-beauty", "test")
    }


def test_each_metric_stands_between_its_interval_and_the_trivial_predictor(card):
    assert row(card, "accuracy") == [".812", "[.750, .875]", ".677"]
    assert row(card, "AUROC") == [".875", "[.812, .938]", ".500"]
    assert row(card, METRICS["srcc"]) == [".688", "[.625, .750]", ".000"]
    assert row(card, "balanced accuracy") == [".750", "[.688, .812]", "–"]
    assert "## Results on the 160 test photographs" in card
    assert "2,000 resamples" in card


def test_how_it_was_made(card):
    assert row(card, "data set") == ["OASIS beauty (fingerprint bb0c7a70648f)"]
    assert row(card, "photographs") == ["530 train, 70 val, 160 test, 0 excluded"]
    assert row(card, "split") == ["split_seed 4, val 0.1, test 0.2 (fingerprint 5111f1n9e4)"]
    assert row(card, "trained on") == ["photographs of fingerprint 0123456789ab"]
    assert row(card, "weighting") == ["`Power(gamma=1.0)`"]
    assert row(card, "command") == ["`awcu train data=oasis weighting=power`"]
    assert row(card, "commit") == ["c0ffee"]
    assert row(card, "versions") == ["python 3.11.7, torch 2.15.0"]
    assert row(card, "seed") == ["4"]
    assert "/home/me" not in card


def test_what_it_says_and_takes(card):
    assert "high (mean rating above 4 on a scale from 1 to 7)" in card
    assert "- Score: log odds of high; above 0 is high." in card
    assert "- Attributes (each on its own): Animal, Person." in card
    assert "224 × 224 pixels, its proportions changed to fit; RGB in [0, 1], minus 0.485, 0.456, 0.406, divided" in card
    assert row(card, "lowest") == ["5 %", "25 %", "median", "75 %", "95 %", "highest"]
    assert "| −1.000 | −.900 | −.500 | .000 | +.500 | +.900 | +1.000 |" in card
    assert "Range of scores on 70 validation photographs" in card


def test_its_limits(card):
    limits = card[card.index("## Limits") :]
    for words in ("not calibrated", "One run with one seed", "no variance of training", "beauty of photographs"):
        assert words in limits


def test_the_three_lines_load_it(card):
    assert usage("user/beauty") in card
    lines = usage("user/beauty").splitlines()
    assert len(lines) == 3
    assert 'from_pretrained("user/beauty")' in lines[1]
    compile(usage('my "own"\\folder'), "card", "exec")


def test_other_kinds_of_model():
    config = replace(
        CONFIG, objective="distribution", attribute_loss="single_label", reference=None,
        preparation=CONFIG.preparation | {"aspect": "crop"},
    )  # fmt: skip
    card = model_card(config, "m", RUN, onnx=True)
    assert "- Score: expected rating minus 4; above 0 is high." in card
    assert "- Attributes (one a photograph): Animal, Person." in card
    assert "its long side cut" in card
    assert "Not known: the model was never validated." in card
    assert "`model.onnx`" in card
    assert "`model.onnx`" not in model_card(config, "m", RUN)
    assert "- No attributes." in model_card(replace(CONFIG, attribute_names=()), "m", RUN)


def test_without_its_run_it_says_what_is_not_known():
    card = model_card(CONFIG, "m")
    assert "data set, split, weighting, metrics, commit and command are not known" in card
    assert "What was rated, and by whom, is not known" in card
    assert "## Results" not in card
    assert ModelCard(card).data.eval_results is None
    assert row(card, "trained on") == ["photographs of fingerprint 0123456789ab"]
    assert row(model_card(replace(CONFIG, train_fingerprint=""), "m"), "trained on") == [
        "photographs of fingerprint not known"
    ]


def test_a_run_that_only_measured_claims_no_training():
    card = model_card(CONFIG, "m", replace(RUN, trained=False))
    assert "not known; the model was trained elsewhere" in row(card, "weighting")[0]
    assert "Power" not in card
    assert not re.search(r"^\| seed", card, re.MULTILINE)
    assert "Whether the test photographs were among those trained on is not known." in card


@pytest.mark.parametrize(
    ("leaked", "limit"),
    [({}, None), ({"leaked": 12}, "LEAK: it has learned from 12 of its 160 test photographs.")],
)
def test_a_leak_is_the_first_limit(leaked, limit):
    record = replace(RECORD, n=RECORD.n | leaked, train_fingerprint="fedcba")
    card = model_card(CONFIG, "user/beauty", replace(RUN, record=record, trained=False))
    assert "is not known." not in card
    assert card.split("## Limits\n\n")[1].startswith(f"- {limit}" if limit else "- The ratings are of")


def test_missing_and_undefined_numbers():
    metrics = {"test/accuracy": 0.5, "test/auroc": math.nan}
    run = replace(RUN, record=replace(RECORD, metrics=metrics, git_dirty=True), intervals={})
    card = model_card(CONFIG, "m", run)
    assert row(card, "accuracy") == [".500", "–", "–"]
    assert row(card, "AUROC") == ["nan", "–", "–"]
    assert [result.metric_type for result in ModelCard(card).data.eval_results] == ["accuracy"]
    certain = model_card(CONFIG, "m", replace(RUN, intervals={"accuracy": (1.0, 1.0)}))
    assert row(certain, "accuracy")[1] == "–"
    assert row(card, "commit") == ["c0ffee and changes that were not committed"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("gallery", "a simulated jury's votes on rendered pictures: nobody looked at them"),
        ("BIQ2021", "next to nothing of beauty"),
        ("mine | yours", "What the ratings of mine | yours are of, its own description says."),
    ],
)
def test_what_was_rated(data, words):
    card = model_card(CONFIG, "m", replace(RUN, record=replace(RECORD, data=data)))
    assert words in card
    # A bar in a name makes no cell of its own.
    assert len(re.findall(r"(?<!\\)\|", next(line for line in card.splitlines() if line.startswith("| data set")))) == 3


RNG = np.random.default_rng(0)
MEAN = RNG.uniform(1, 5, 60)
SCORE = MEAN - 3 + RNG.normal(0, 1, 60)
HIGH = MEAN > 3
TEST = np.arange(60) >= 20
SETTINGS = """
seed: 3
data:
  root: /home/me/tiny
  ratings: {root: "${data.root}", split_column: null, split_seed: "${seed}", val: 0.25, test: 0.25, midpoint: 3}
"""


@pytest.fixture
def finished_run(tmp_path):
    """A run's folder, and its record: 20 photographs of val and 40 of test."""
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text(SETTINGS)
    rows = [
        f"p{i},{'test' if TEST[i] else 'val'},{MEAN[i].item()!r},{int(HIGH[i])},{SCORE[i].item()!r},0.5"
        for i in range(60)
    ]
    header = "image_id,split,mean_score,high,score,indoors"
    (tmp_path / "predictions.csv").write_text("\n".join([header, *rows, ""]))
    high, score = HIGH[TEST], SCORE[TEST]
    metrics = {
        "test/accuracy": accuracy_score(high, score > 0),
        "test/balanced_accuracy": balanced_accuracy_score(high, score > 0),
        "test/auroc": roc_auc_score(high, score),
        "test/srcc": stats.spearmanr(score, MEAN[TEST]).statistic,
        "test/plcc": stats.pearsonr(score, MEAN[TEST]).statistic,
    }
    record = RunRecord(
        *("e", "v", "Uniform()", 3, ("data=table",), "tiny", "d", "s", {"val": 20, "test": 40}, metrics, "c", False),
        *({}, 1.0, "best.ckpt", "2026-01-01T00:00:00+00:00"),
    )
    record.save(tmp_path / "record.json")
    return tmp_path, record


def test_all_of_it(finished_run):
    folder, record = finished_run
    facts = RunFacts.read(folder)
    assert facts.record == record
    assert facts.split == "split_seed 3, val 0.25, test 0.25"
    assert (facts.page, facts.trained) == ("train", True)
    low, high = facts.intervals["auroc"]
    assert low < record.metrics["test/auroc"] < high
    assert facts.intervals.keys() == {"accuracy", "balanced_accuracy", "auroc", "srcc", "plcc"}


def test_the_intervals_are_of_the_test_photographs(finished_run):
    expected = point_and_interval(SCORE[TEST], HIGH[TEST], MEAN[TEST])
    assert RunFacts.read(finished_run[0]).intervals == {name: ends[1:] for name, ends in expected.items()}


def test_the_command_names_no_folder_of_the_machine(finished_run):
    folder, record = finished_run
    overrides = (
        "data=oasis", "data.root=../shared/oasis", "network.weights_file='/home/me/my weights.pth'",
        "+extra=~/notes", "start_from=runs/one/best.ckpt", "weighting=step", "data.ratings.scale=[1,2]",
    )  # fmt: skip
    replace(record, overrides=overrides).save(folder / "record.json")
    assert RunFacts.read(folder).command == (
        "awcu train data=oasis 'data.root=…/oasis' 'network.weights_file=…/my weights.pth' '+extra=…/notes' "
        "'start_from=…/best.ckpt' weighting=step 'data.ratings.scale=[1,2]'"
    )


def test_what_is_missing_is_not_made_up(finished_run):
    folder, _ = finished_run
    (folder / "predictions.csv").unlink()
    (folder / ".hydra" / "config.yaml").unlink()
    facts = RunFacts.read(folder)
    assert (facts.split, facts.intervals) == ("how is not known", {})


@pytest.mark.parametrize(
    ("added", "page", "trained"), [("fit: false", "train", False), ("probe: {seeds: [0]}", "probe", True)]
)
def test_who_trained_it(finished_run, added, page, trained):
    folder, _ = finished_run
    config = folder / ".hydra" / "config.yaml"
    config.write_text(f"{config.read_text()}\n{added}\n")
    facts = RunFacts.read(folder)
    assert (facts.page, facts.trained) == (page, trained)


@pytest.mark.parametrize(
    ("old", "new"), [("split", "part"), ("score", "points"), (",0,", ",no,"), ("test", "test,0.3\n")]
)
def test_damaged_predictions_are_named(finished_run, old, new):
    folder, _ = finished_run
    path = folder / "predictions.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RecordError, match=r"predictions\.csv is no list of predictions"):
        RunFacts.read(folder)


def test_predictions_of_another_run_are_refused(finished_run):
    folder, record = finished_run
    replace(record, metrics=record.metrics | {"test/auroc": 0.123}).save(folder / "record.json")
    with pytest.raises(RecordError, match=r"gives test/auroc 0\.\d+, the record 0\.123000: they are not of one run"):
        RunFacts.read(folder)


def test_a_damaged_record_is_named(finished_run):
    folder, _ = finished_run
    (folder / "record.json").write_text("{")
    with pytest.raises(RecordError, match="is not JSON"):
        RunFacts.read(folder)
