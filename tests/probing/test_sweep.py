"""The sweep from its configuration to results.csv: what is recorded, where from, and what is refused."""

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from scipy.stats import pearsonr, spearmanr
from sklearn import metrics as reference
from sklearn.linear_model import LogisticRegression
from sweeping import GRID, ROWS, SIDE_BY_SIDE, VOTES, N, configured, write_pictures

from awcu.datasets.readers import table
from awcu.errors import (
    BackboneError,
    ConfigurationError,
    IdentityError,
    ImageError,
    ProbeError,
    RatingsError,
    WeightingError,
)
from awcu.probing import sweep
from awcu.probing.backbones import as_tensor, frozen_network, see
from awcu.probing.cross_validation import Search, solve
from awcu.probing.grid import grid_rows
from awcu.probing.sweep import run
from awcu.runs.predictions import find_predictions
from awcu.runs.record import read_results_csv
from awcu.tables.paired import read_differences

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Rated pictures, and their features once computed."""
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def copied(tmp_path):
    """The same, to be changed; and without features."""
    return write_pictures(tmp_path / "copy")


def by_name(records):
    return {(record.variant, record.seed): record for record in records}


@pytest.fixture(scope="module")
def swept(pictures, tmp_path_factory):
    """The records of two seeds at three sizes, and the folder above their results.csv."""
    folder = tmp_path_factory.mktemp("swept")
    cfg = configured(
        pictures, "probe.seeds=[3,1]", "probe.sizes=[30,null,20]", "variant='head=frozen zeal=1'", "name=made"
    )
    return run(cfg, folder / "out", ("probe.seeds=[3,1]", "data=table")), folder


class TestRecords:
    def test_one_a_row_size_and_seed(self, swept):
        records, _ = swept
        names = [
            " ".join(sorted(["head=frozen", "zeal=1", *size, *row.split()]))
            for size in (["size=30"], [], ["size=20"])
            for row in ROWS
        ]
        assert [(record.seed, record.variant) for record in records] == [(s, name) for s in (3, 1) for name in names]
        assert names[1] == "head=frozen size=30 weighting.delta=0.25 weighting=drop zeal=1"

    def test_weightings_are_those_of_their_names(self, swept):
        expected = {
            ROWS[0]: "Uniform()", ROWS[1]: "Drop(delta=0.25)", ROWS[2]: "Drop(delta=0.5)", ROWS[3]: "Power(gamma=2)",
        }  # fmt: skip
        for record in swept[0]:
            row = " ".join(word for word in record.variant.split() if "weighting" in word)
            assert record.weighting.startswith(f"SampleWeights(weighting={expected[row]}, ")

    def test_counts_sum_to_all_photographs(self, swept, pictures):
        for record in swept[0]:
            split = read_table(pictures, record.seed).split
            assert sum(record.n.values()) == N
            assert record.n["excluded"] == 0
            assert (record.n["val"], record.n["test"]) == ((split == "val").sum(), (split == "test").sum())
            size = next((int(word[5:]) for word in record.variant.split() if word.startswith("size=")), None)
            assert record.n["train"] == (size or (split == "train").sum())
            assert record.n["unused"] == (split == "train").sum() - record.n["train"]

    def test_where_they_are_from(self, swept, pictures):
        for record in swept[0]:
            ratings = read_table(pictures, record.seed)
            assert record.experiment == "made"
            assert record.overrides == ("probe.seeds=[3,1]", "data=table")
            assert record.data == "table"
            assert record.data_fingerprint == ratings.fingerprint
            assert record.split_fingerprint == ratings.split_fingerprint
            assert record.checkpoint == ""
            assert 0 < record.wall_time_s < 60
            assert {"torch", "timm"} <= record.versions.keys()
        assert len({record.split_fingerprint for record in swept[0]}) == 2
        assert len({record.created for record in swept[0]}) == 1

    def test_metrics_of_the_test_split_beside_the_trivial_predictor_and_the_search(self, swept):
        for record in swept[0]:
            assert {key.split("/")[0] for key in record.metrics} == {"probe", "test"}
            assert record.metrics["probe/penalty"] in (0.1, 0.01, 0.001)
            assert record.metrics["probe/converged"] == 1
            for key in record.metrics:
                if key.startswith("test/") and "/trivial/" not in key:
                    assert key.replace("/", "/trivial/") in record.metrics

    def test_the_csv_holds_them(self, swept):
        records, folder = swept
        expected = [replace(record, versions={}, checkpoint="") for record in records]
        assert read_results_csv(folder / "out" / "results.csv") == sorted(expected, key=lambda one: one.identity)

    def test_every_head_leaves_its_test_scores(self, swept):
        records, folder = swept
        left = {one.identity: read(one) for one, read in find_predictions(folder)}
        assert left.keys() == {record.identity for record in records}
        assert sorted(path.name for path in folder.rglob("*.npz"))[0] == "head=frozen,zeal=1,seed=1.npz"

    def test_a_table_and_its_heat_map_are_made_of_it(self, swept, tmp_path, ends_with, capsys):
        _, folder = swept
        words = [f"head=frozen {row} zeal=1" for row in ROWS]
        (tmp_path / "table.yaml").write_text(
            f"title: Made\nbaseline: {words[0]}\ncolumns: {{test/auroc: AUROC}}\n"
            f"rows: {{{words[0]}: uniform, {words[3]}: power}}\nheat_map:\n  metrics: [test/auroc]\n"
            '  x_label: photographs\n  columns: {size=20: "20", size=30: "30", "": all}\n'
        )
        assert ends_with("table", tmp_path, "--runs", folder) is None
        assert (tmp_path / "heat_map.png").is_file()
        assert (tmp_path / "table.csv").read_text().count("weighting=drop") >= 2
        assert {(one.column, one.seeds) for one in read_differences(tmp_path / "differences.csv")} == {
            (size, (1, 3)) for size in ("size=20", "size=30", "")
        }
        assert "2 seeds" in capsys.readouterr().out


def read_table(folder, seed):
    return table.read(
        name="table", root=folder, file="ratings.csv", image_column="image", vote_columns=VOTES, scale=(1, 2, 3, 4, 5),
        midpoint=3, val=0.2, test=0.3, split_seed=seed,
    )  # fmt: skip


def expected_metrics(score, ratings):
    """Every metric by another library; nan where it needs two classes and there is one."""
    high, verdict = ratings.high, score > 0
    both = 0 < high.sum() < len(high)
    return {
        "accuracy": reference.accuracy_score(high, verdict),
        "balanced_accuracy": reference.balanced_accuracy_score(high, verdict) if both else math.nan,
        "auroc": reference.roc_auc_score(high, score) if both else math.nan,
        "f1": reference.f1_score(high, verdict) if both else math.nan,
        "srcc": spearmanr(score, ratings.mean_score).statistic,
        "plcc": pearsonr(score, ratings.mean_score).statistic,
    }


@pytest.mark.parametrize(("seed", "size"), [(0, "null"), (6, "30")])
def test_metrics_are_those_of_scikit_learn_at_the_recorded_penalty(pictures, tmp_path, seed, size):
    cfg = configured(pictures, f"probe.seeds=[{seed}]", f"probe.sizes=[{size}]")
    records, ratings = run(cfg, tmp_path), read_table(pictures, seed)
    test = ratings.of_split("test")
    features = see(cfg, ratings, frozen_network(cfg))
    train = ratings.of_split("train").subset(None if size == "null" else int(size), seed)
    x = features.of(train.image_ids)[:, 0].astype(np.float64)
    weights = {
        ROWS[0]: np.ones(len(train)),
        ROWS[1]: (train.margin >= 0.25) * 1.0,
        ROWS[2]: (train.margin >= 0.5) * 1.0,
        ROWS[3]: train.margin**2,
    }
    assert len({record.metrics["test/auroc"] for record in records}) > 1
    if seed:
        assert (train.high.mean() > 0.5) != (ratings.of_split("train").high.mean() > 0.5), "or `always` could be of all"
    searched = solve(grid_rows(GRID), train, as_tensor(features, train), Search((0.1, 0.01, 0.001), 3), seed)
    assert [record.metrics["probe/penalty"] for record in records] == searched.penalties.tolist()
    for record in records:
        w = weights[" ".join(word for word in record.variant.split() if "size" not in word)]
        penalty = record.metrics["probe/penalty"] * x.var(axis=0).sum()
        model = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-10)
        model.fit(x[w > 0], train.high[w > 0], sample_weight=w[w > 0] / w[w > 0].mean())
        score = model.decision_function(features.of(test.image_ids)[:, 0].astype(np.float64))
        for delta, suffix in ((0, ""), (0.5, "@0.5"), (1, "@1")):
            clear = test.margin >= delta
            expected = expected_metrics(score[clear], test.select(clear))
            found = {key: record.metrics[f"test/{key}{suffix}"] for key in expected}
            assert found == pytest.approx(expected, abs=2e-4, nan_ok=True), (record.variant, suffix)
        always = np.full(len(test), train.high.mean() > 0.5)
        assert record.metrics["test/trivial/accuracy"] == pytest.approx((always == test.high).mean())
        assert record.metrics["test/trivial/auroc"] == 0.5
    assert 0.6 < records[0].metrics["test/auroc"] < 0.99


def test_the_numbers_are_the_same_the_second_time_and_the_features_are_not_computed_again(copied, tmp_path, capsys):
    cfg = configured(copied)
    untouched = OmegaConf.to_container(cfg)
    first = run(cfg, tmp_path / "first")
    assert "computed once" in capsys.readouterr().err
    (pooled,) = (copied / "features").glob("*/pooled.npy")
    written = pooled.stat().st_mtime_ns
    again = run(cfg, tmp_path / "again")
    assert capsys.readouterr().err == ""
    assert list((copied / "features").glob("*/pooled.npy")) == [pooled]
    assert pooled.stat().st_mtime_ns == written
    assert OmegaConf.to_container(cfg) == untouched
    for one, other in zip(first, again, strict=True):
        assert one.metrics == pytest.approx(other.metrics, rel=0, abs=0, nan_ok=True)


def test_a_line_a_cell_says_what_came_out(pictures, tmp_path, capsys):
    records = run(configured(pictures, "probe.sizes=[null,20]"), tmp_path)
    lines = capsys.readouterr().out.splitlines()
    areas = [record.metrics["test/auroc"] for record in records]
    assert len(lines) == 2
    # 4 rows at 3 penalties, on all and without each of 3 folds.
    assert lines[1].startswith("seed 0, 20 training photographs: 48 heads in ")
    assert lines[1].endswith(
        f"AUROC {areas[4]:.3f} of the baseline, {min(areas[4:]):.3f} to {max(areas[4:]):.3f} of all rows"
    )


class TestGoesOn:
    TWO = ("probe.seeds=[0,1]", "probe.sizes=[null,30]")

    @pytest.fixture
    def solved(self, monkeypatch):
        """What has been solved; with an entry in `at`, the solver is stopped there."""
        calls, at = [], []

        def counted(*arguments):
            if len(calls) in at:
                raise KeyboardInterrupt
            calls.append(arguments)
            return solve(*arguments)

        monkeypatch.setattr(sweep, "solve", counted)
        return calls, at

    def test_a_stopped_sweep_solves_only_what_it_lacks(self, pictures, tmp_path, solved, capsys):
        calls, at = solved
        unbroken, folder = run(configured(pictures, *self.TWO), tmp_path / "unbroken"), tmp_path / "stopped"
        calls.clear()
        at.append(3)
        with pytest.raises(KeyboardInterrupt):
            run(configured(pictures, *self.TWO), folder)
        left = read_results_csv(folder / "results.csv")
        assert {(record.seed, "size=30" in record.variant) for record in left} == {(0, True), (0, False), (1, False)}
        at.clear()
        capsys.readouterr()
        found = run(configured(pictures, *self.TWO), folder)
        assert len(calls) == 4
        assert "going on after 12 of 16 records (" in capsys.readouterr().out
        assert [record.identity for record in found] == [record.identity for record in unbroken]
        for one, other in zip(found, unbroken, strict=True):
            assert one.metrics == pytest.approx(other.metrics, rel=0, abs=0, nan_ok=True)
        assert len(read_results_csv(folder / "results.csv")) == 16

    def test_a_finished_one_gives_its_records_back_and_looks_at_nothing(self, pictures, tmp_path, solved, capsys):
        calls, _ = solved
        first = run(configured(pictures), tmp_path)
        files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
        capsys.readouterr()
        again = run(configured(pictures, "data.root=/gone", "features.folder=/gone", "features.workers=3"), tmp_path)
        assert again == [replace(record, versions={}) for record in first]
        assert len(calls) == 1
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == files
        assert re.fullmatch(r"run [0-9a-f]{12} has finished before: .*results\.csv\n", capsys.readouterr().out)

    def test_a_head_that_was_not_kept_is_made_alone(self, pictures, tmp_path, solved):
        calls, at = solved
        kept = f"probe.save=['{ROWS[0]}','{ROWS[3]}']"
        at.append(1)
        with pytest.raises(KeyboardInterrupt):
            run(configured(pictures, kept), tmp_path)
        at.clear()
        run(configured(pictures, kept), tmp_path)
        assert [len(rows) for rows, *_ in calls] == [4, 2]
        first, second = sorted((tmp_path / "heads").glob("*/record.json"))
        untouched = first.stat().st_mtime_ns
        second.unlink()
        run(configured(pictures, kept), tmp_path)
        assert [len(rows) for rows, *_ in calls] == [4, 2, 1]
        assert second.is_file()
        assert first.stat().st_mtime_ns == untouched

    def test_another_sweep_does_not_take_its_folder(self, pictures, tmp_path):
        run(configured(pictures), tmp_path)
        held = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        with pytest.raises(IdentityError, match=r"holds another run \(probe\.folds 3, not 4; .*\); remove the folder"):
            run(configured(pictures, "probe.folds=4", "probe.seeds=[1]"), tmp_path)
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == held

    def test_results_without_their_settings_are_not_written_over(self, pictures, tmp_path):
        (tmp_path / "results.csv").write_text("from before\n")
        with pytest.raises(IdentityError, match=r"holds a run, but not with which settings"):
            run(configured(pictures), tmp_path)

    def test_it_does_not_go_on_with_other_ratings(self, copied, tmp_path, solved):
        _, at = solved
        at.append(1)
        with pytest.raises(KeyboardInterrupt):
            run(configured(copied, "probe.seeds=[0,1]"), tmp_path)
        frame = pd.read_csv(copied / "ratings.csv")
        frame.loc[0, VOTES] = frame.loc[0, VOTES[::-1]].to_numpy()
        frame.to_csv(copied / "ratings.csv", index=False)
        with pytest.raises(IdentityError, match=r"results\.csv was made of other ratings or another split than table"):
            run(configured(copied, "probe.seeds=[0,1]"), tmp_path)


def test_a_seed_is_a_split_and_the_backbone_stays(pictures, tmp_path):
    """One backbone for all of probe.seeds; `seed` draws another one where it has no weights."""
    both = by_name(run(configured(pictures, "probe.seeds=[0,1]"), tmp_path / "both"))
    alone = by_name(run(configured(pictures, "probe.seeds=[1]"), tmp_path / "alone"))
    other = by_name(run(configured(pictures, "probe.seeds=[1]", "seed=1"), tmp_path / "other"))
    for name, record in alone.items():
        assert both[name].metrics == pytest.approx(record.metrics, rel=0, abs=0, nan_ok=True)
        assert other[name].split_fingerprint == record.split_fingerprint
        assert other[name].metrics["test/plcc"] != pytest.approx(record.metrics["test/plcc"], abs=1e-6)


def test_what_is_tested_on_changes_no_head(copied, tmp_path):
    """Test photographs rated the other way round: the same penalties, and the same scores now rank them wrongly."""
    before = run(configured(copied), tmp_path / "before")
    frame, ratings = pd.read_csv(copied / "ratings.csv"), read_table(copied, 0)
    tested = frame["image"].isin(ratings.image_ids[ratings.split == "test"])
    frame.loc[tested, VOTES] = frame.loc[tested, VOTES[::-1]].to_numpy()
    frame.to_csv(copied / "ratings.csv", index=False)
    after = run(configured(copied), tmp_path / "after")
    for one, other in zip(before, after, strict=True):
        assert other.metrics["probe/penalty"] == one.metrics["probe/penalty"]
        # Turned about the middle of the scale, a mean score keeps its distance to it.
        for key in ("test/srcc", "test/plcc"):
            assert other.metrics[key] == pytest.approx(-one.metrics[key], abs=1e-6)
            assert abs(one.metrics[key]) > 0.2


def test_mirrored_views_are_learned_from_and_not_tested_on(pictures, tmp_path):
    cfg, ratings = configured(pictures, "features.flip=true"), read_table(pictures, 0)
    record = run(cfg, tmp_path)[0]
    features = see(cfg, ratings, frozen_network(cfg))
    train, test = ratings.of_split("train"), ratings.of_split("test")
    x = features.of(train.image_ids).astype(np.float64)
    model = LogisticRegression(C=1 / (record.metrics["probe/penalty"] * x[:, 0].var(axis=0).sum()), tol=1e-10)
    model.set_params(solver="newton-cholesky")
    model.fit(np.concatenate([x[:, 0], x[:, 1]]), np.tile(train.high, 2), sample_weight=np.full(2 * len(train), 0.5))
    seen, mirrored = (
        pearsonr(model.decision_function(view), test.mean_score).statistic
        for view in features.of(test.image_ids).astype(np.float64).swapaxes(0, 1)
    )
    assert record.metrics["test/plcc"] == pytest.approx(seen, abs=1e-4)
    assert abs(mirrored - seen) > 1e-3
    assert sum(record.n.values()) == N


class TestUnreadable:
    @pytest.fixture
    def damaged(self, copied):
        (copied / "images" / "07.jpg").write_bytes(b"")
        return copied

    def test_photographs_are_refused_by_name(self, damaged, tmp_path):
        with pytest.raises(
            ImageError, match=r"table: 1 of 80 photographs cannot be read:\n.*07\.jpg: zero bytes.*\nRepair them"
        ):
            run(configured(damaged), tmp_path / "out")
        assert not (tmp_path / "out" / "results.csv").exists()

    def test_photographs_are_excluded_and_counted_where_asked_for(self, damaged, tmp_path):
        for record in run(configured(damaged, "data.on_unreadable=exclude", "probe.sizes=[null,20]"), tmp_path / "out"):
            assert record.n["excluded"] == 1
            assert sum(record.n.values()) == N

    def test_missing_ones_are_refused_before_any_is_seen(self, copied, tmp_path, capsys):
        (copied / "images" / "07.jpg").unlink()
        with pytest.raises(ImageError, match=r"table: 1 of 80 photographs are missing: \S+07\.jpg; put them there, or"):
            run(configured(copied), tmp_path / "out")
        assert capsys.readouterr().err == ""
        record = run(configured(copied, "data.on_unreadable=exclude"), tmp_path / "out")[0]
        assert record.n["excluded"] == 1


class TestSideBySide:
    SINGLE = (
        ("network.backbone=test_resnet", "images.size=64"),
        ("network.backbone=test_efficientnet", "images.size=48", "network.pad_type=same"),
    )

    def test_heads_learn_from_all_of_them_and_the_caches_are_those_of_each(self, copied, tmp_path, monkeypatch, capsys):
        ratings, alone = read_table(copied, 0), []
        for single in self.SINGLE:
            cfg = configured(copied, *single)
            alone.append(see(cfg, ratings, frozen_network(cfg)))
        capsys.readouterr()
        given = []
        monkeypatch.setattr(sweep, "solve", lambda *arguments: given.append(arguments) or solve(*arguments))
        records = run(configured(copied, *SIDE_BY_SIDE, "network.pad_type=['',same]"), tmp_path)
        assert capsys.readouterr().err == "", "the features of one backbone alone are to be used again"
        _, train, x, *_ = given[0]
        expected = np.concatenate([one.of(train.image_ids) for one in alone], axis=2)
        np.testing.assert_array_equal(x.cpu().numpy(), expected)
        assert len({one.key for one in alone}) == 2
        assert alone[0].pooled.shape[2] < x.shape[2]
        assert {sum(record.n.values()) for record in records} == {N}

    def test_a_record_names_them_where_no_override_does(self, copied, tmp_path):
        typed = (SIDE_BY_SIDE[0], "data=table")
        assert run(configured(copied, *SIDE_BY_SIDE), tmp_path / "typed", typed)[0].overrides == typed
        (record, *_) = run(configured(copied, *SIDE_BY_SIDE), tmp_path / "page", ("experiment=both",))
        assert record.overrides == ("experiment=both", SIDE_BY_SIDE[0])
        assert read_results_csv(tmp_path / "page" / "results.csv")[0].overrides == record.overrides

    def test_a_list_of_one_is_one(self, pictures, tmp_path):
        settings = (
            "network.backbone=[test_resnet]",
            "variant='on=${network.backbone}'",
            "probe.save=['weighting=uniform']",
        )
        records = run(configured(pictures, *settings), tmp_path)
        assert records[0].variant == "on=test_resnet weighting=uniform"
        (saved,) = (tmp_path / "heads").glob("*/.hydra/config.yaml")
        assert OmegaConf.load(saved).network.backbone == "test_resnet"

    @pytest.mark.parametrize(
        ("setting", "message"),
        [
            ("network.weights_file=[a,b,c]", "network.weights_file has 3, network.backbone has 2"),
            ("images.size=[]", "one length, at least 1: .*images.size has 0"),
            ("probe.save=['weighting=uniform']", "one backbone is needed for probe.save, and 2 stand"),
            ("features.maps=true", "one backbone is needed for features.maps, and 2 stand"),
        ],
    )
    def test_what_does_not_go_with_several_is_refused(self, pictures, tmp_path, setting, message):
        with pytest.raises(ConfigurationError, match=message):
            run(configured(pictures, *SIDE_BY_SIDE, setting), tmp_path)

    def test_the_second_at_fault_costs_no_features_of_the_first(self, copied, tmp_path):
        with pytest.raises(BackboneError, match=r"none\.pth"):
            run(configured(copied, *SIDE_BY_SIDE, "network.weights_file=[null,none.pth]"), tmp_path)
        assert not (copied / "features").exists()


@pytest.mark.parametrize("objective", ["score", "distribution"])
def test_ratings_that_the_objective_cannot_learn_are_refused_before_any_photograph_is_seen(copied, tmp_path, objective):
    frame = pd.read_csv(copied / "ratings.csv")
    pd.DataFrame({"image": frame["image"], "high": np.arange(N) % 2}).to_csv(copied / "ratings.csv", index=False)
    classes = (
        "data.ratings.vote_columns=[]", "data.ratings.score_column=high", "data.ratings.scale=[0,1]",
        "data.ratings.midpoint=0.5",
    )  # fmt: skip
    with pytest.raises(ConfigurationError, match=f"probe.objective={objective} needs .*, table has only"):
        run(configured(copied, *classes, f"probe.objective={objective}"), tmp_path)
    assert not (copied / "features").exists()


def test_a_name_in_other_case_is_found_and_said(copied, tmp_path, capsys):
    (copied / "images" / "04.jpg").rename(copied / "images" / "04.JPG")
    records = run(configured(copied, "probe.seeds=[0]"), tmp_path / "out")
    assert records[0].n["excluded"] == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "only in case" in line]
    assert "1 photograph found in" in line


class TestSubsampled:
    def test_only_training_photographs_lose_votes(self, pictures, tmp_path):
        whole, few = (
            run(configured(pictures, f"probe.votes={votes}"), tmp_path / str(votes)) for votes in ("null", "1")
        )
        for one, other in zip(whole, few, strict=True):
            # What is tested on is the same.
            assert one.data_fingerprint == other.data_fingerprint
            assert one.split_fingerprint == other.split_fingerprint
        aurocs = [np.mean([record.metrics["test/auroc"] for record in records]) for records in (whole, few)]
        assert aurocs[0] > aurocs[1] > 0.5

    def test_the_order_of_the_rows_does_not_matter(self, copied, tmp_path):
        cfg = configured(copied, "probe.votes=2")
        first = run(cfg, tmp_path / "first")
        frame = pd.read_csv(copied / "ratings.csv").sample(frac=1, random_state=0)
        frame.to_csv(copied / "ratings.csv", index=False)
        for one, other in zip(first, run(cfg, tmp_path / "again"), strict=True):
            assert one.metrics == pytest.approx(other.metrics, rel=0, abs=0, nan_ok=True)

    def test_a_share_of_clear_ones_has_its_size(self, pictures, tmp_path):
        uniform = "probe.weightings=['weighting=uniform']"
        records = run(configured(pictures, "probe.clear_share=0.25", "probe.sizes=[16]", uniform), tmp_path)
        assert {record.n["train"] for record in records} == {16}


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (["probe.sizes=[20,60]"], RatingsError, "60 photographs are asked for, but table has 41 here"),
        (["probe.sizes=[0]"], RatingsError, "0 photographs are asked for"),
        (["probe.sizes=[null,-1]"], RatingsError, "-1 photographs are asked for"),
        (["probe.sizes=[]"], ConfigurationError, "probe.sizes is empty; give at least one"),
        (["data.attributes=measured"], ConfigurationError, r"data\.attributes is for awcu train; awcu probe solves"),
        (["probe.seeds=[0,1,0]"], ConfigurationError, r"probe.seeds=\[0, 1, 0\] names one twice"),
        (["probe.seeds=[-2]"], ConfigurationError, "probe.seeds: -2 is -2; it must be a whole number ≥ 0"),
        (["probe.seeds=[]"], ConfigurationError, "probe.seeds is empty"),
        (
            ["probe.save=['weighting.gamma=2 weighting=power','weighting=powder']"],
            ConfigurationError,
            r"probe.save: 'weighting=powder' is no row; the rows are\n  weighting=uniform\n  weighting.delta=0.25",
        ),
        (["+probe.fold=3"], ConfigurationError, "probe.fold is no setting; nearest: probe.folds"),
        (["+task.warmup=0"], ConfigurationError, "task is no setting"),
        (["probe.folds=1"], ConfigurationError, "probe.folds is 1; it must be a whole number ≥ 2"),
        (["probe.penalties=[1,0]"], ConfigurationError, r"probe.penalties=\[1, 0\] must be at least one number > 0"),
        (["probe.objective=emd"], ConfigurationError, "probe.objective='emd' must be one of"),
        (["probe.weightings=['seed=1']"], ConfigurationError, "'seed=1' sets seed"),
        (["probe.weightings=['weighting=drop weighting.delta=-1']"], WeightingError, "delta is a distance"),
        (["probe.weightings=['weighting=drop weighting.delta=1.9']"], WeightingError, "zeroes all"),
        (["probe.votes=0"], ConfigurationError, "probe.votes is 0; it must be a whole number ≥ 1"),
        (["probe.votes=2.5"], ConfigurationError, "probe.votes is 2.5"),
        (["probe.clear_share=x"], ConfigurationError, "probe.clear_share='x' must be a number"),
        (["probe.clear_share=false"], ConfigurationError, "probe.clear_share=False must be a number"),
        (["probe.seeds=[false]"], ConfigurationError, r"probe.seeds=\[False\] must be a list of int"),
        (["probe.clear_share=0.5"], ConfigurationError, "say how many in probe.sizes"),
        (
            ["probe.clear_share=0.5", "probe.sizes=[16]", "probe.save=['weighting=uniform']"],
            ConfigurationError,
            "leave out probe.clear_share",
        ),
        (["probe.seeds=3"], ConfigurationError, "probe.seeds=3 must be a list of int"),
        (["probe.seeds=[0.5]"], ConfigurationError, r"probe.seeds=\[0.5\] must be a list of int"),
        (["probe.sizes=[20.5]"], ConfigurationError, r"probe.sizes=\[20.5\] must be a list of int or null"),
        (["probe.penalties=[a]"], ConfigurationError, r"probe.penalties=\['a'\] must be a list of int or float"),
        (["probe.save=w"], ConfigurationError, "probe.save='w' must be a list of str"),
        (["probe.folds=2.5"], ConfigurationError, "probe.folds is 2.5"),
        (["probe.folds=41"], ProbeError, "none of 41 folds of 41 training photographs of seed 0 has both classes"),
        (["probe.folds=50"], ProbeError, "none of 50 folds of 41 training photographs"),
        (["data.on_unreadable=skip"], ConfigurationError, "data.on_unreadable='skip' must be one of error, exclude"),
        (["+weighting=drop"], ConfigurationError, "weighting is no setting"),
        (["data.root=null"], RatingsError, "data.root=…"),
        (["data.ratings.test=0"], RatingsError, "the test split has no photographs"),
        (["data.ratings.image_column=img"], RatingsError, "has no column 'img'"),
        (["network.backbone=test_resnet_"], BackboneError, "test_resnet_"),
        (["network.weights_file=none.pth"], BackboneError, "none.pth"),
        (["+data.ratings.points=1"], ConfigurationError, "points"),
        (
            ["probe.objective=distribution", "data.ratings.vote_columns=[]", "data.ratings.score_column=c5",
             "data.ratings.scale=[0,30]", "data.ratings.midpoint=4"],
            ConfigurationError,
            "probe.objective=distribution needs votes, table has only mean scores",
        ),
    ],
)  # fmt: skip
def test_what_the_user_can_mend_is_named(pictures, tmp_path, settings, error, message):
    with pytest.raises(error, match=message):
        run(configured(pictures, *settings), tmp_path / "out")
    assert not (tmp_path / "out" / "results.csv").exists()


def test_the_order_of_the_table_changes_nothing(copied, tmp_path):
    """Samples and folds are drawn by photograph, not by place in the table."""
    settings = ("probe.sizes=[25]", "probe.seeds=[0,1]")
    before = run(configured(copied, *settings), tmp_path / "before")
    table = pd.read_csv(copied / "ratings.csv")
    table.sample(frac=1, random_state=5).to_csv(copied / "ratings.csv", index=False)
    after = run(configured(copied, *settings), tmp_path / "after")
    assert [record.split_fingerprint for record in after] == [record.split_fingerprint for record in before]
    assert [record.metrics for record in after] == [pytest.approx(record.metrics, nan_ok=True) for record in before]


def test_a_row_that_a_size_leaves_without_a_class_is_named_before_any_head_is_solved(pictures, tmp_path, capsys):
    settings = ("probe.seeds=[3,1]", "probe.sizes=[null,10]")
    named = r"weighting.delta=0.5 weighting=drop gives no low photograph a weight among 10 .* photographs of seed 1, "
    with pytest.raises(ProbeError, match=named):
        run(configured(pictures, *settings), tmp_path / "out")
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "out" / "results.csv").exists()
