"""Published rows stand beside runs that were tested on the same photographs, and beside no others."""

from dataclasses import replace
from pathlib import Path

import pytest

from awcu.errors import TableError
from awcu.runs.record import RunRecord
from awcu.tables.published import beside, read_published
from awcu.tables.spec import Published, TableSpec
from awcu.tables.table import Table

ROOT = Path(__file__).parents[2]
AVA = ROOT / "experiments/published/ava/published.csv"
CSV = """method,year,split,n,trivial,test/accuracy,test/srcc,evidence,source
always high,,official,"19,930",0.711,0.711,,C,the lists
Ours to beat,2019,official,"19,930",0.711,0.8170,0.756,S/D,a table
No accuracy,2023,official,"19,930",0.711,,0.7126,S,a model card
Of another list,2016,ILGNet AVA1,"20,000",0.800,0.8168,,S,a README
Of an unknown list,2018,not stated,,,0.8060,0.592,S,a README
"""
METRICS = ("test/accuracy", "test/auroc", "test/srcc")


def measured_on(n: int = 19_930, data: str = "AVA", split: str = "official", seed: int = 0) -> RunRecord:
    return RunRecord(
        experiment="ava",
        variant="w=uniform",
        weighting="Uniform()",
        seed=seed,
        overrides=(),
        data=data,
        data_fingerprint="aaaa",
        split_fingerprint="split",
        n={"train": 223_000, "test": n},
        metrics={"test/accuracy": 0.8, "test/auroc": 0.85, "test/srcc": 0.7, "test/trivial/accuracy": 0.711},
        git_commit="1a2b3c4d5e6f",
        git_dirty=False,
        versions={},
        wall_time_s=1.0,
        checkpoint="",
        created="",
        split=split,
    )


@pytest.fixture
def asked(tmp_path: Path) -> Published:
    (tmp_path / "published.csv").write_text(CSV)
    return Published(str(tmp_path / "published.csv"), "AVA", "official")


@pytest.fixture
def spec(asked: Published) -> TableSpec:
    columns = {"test/accuracy": "accuracy", "test/auroc": "AUROC", "test/srcc": "SRCC"}
    return TableSpec("AVA", "w=uniform", columns, published=asked)


@pytest.mark.parametrize("n", [19_930, 19_929, 19_911])
def test_rows_of_the_list_that_the_runs_were_measured_on(asked: Published, n: int) -> None:
    """The common download lacks photographs, one of them of the test list."""
    assert [row.method for row in beside(asked, METRICS, [measured_on(n)]).rows] == ["Ours to beat", "No accuracy"]


@pytest.mark.parametrize(
    "other",
    [
        measured_on(16),
        measured_on(19_900),
        measured_on(20_000),
        measured_on(19_931),
        measured_on(split="ilgnet"),
        measured_on(split="hash"),
        measured_on(split=""),
        measured_on(data="AVA-style"),
    ],
    ids=lambda one: f"{one.n['test']} of {one.data}, {one.split}",
)
def test_no_row_where_a_single_run_was_tested_on_others(asked: Published, other: RunRecord) -> None:
    for records in ([other], [measured_on(), other]):
        found = beside(asked, METRICS, records)
        assert found.rows == ()
        assert found.note.startswith("No published figures are shown")
        assert "19,930 test photographs (the official split of AVA)" in found.note
        assert f"{other.n['test']:,}" in found.note


def test_only_the_list_that_is_asked_for_is_shown(asked: Published) -> None:
    ilgnet = Published(asked.file, "AVA", "ILGNet AVA1")
    assert beside(ilgnet, METRICS, [measured_on(20_000, split="ilgnet")]).rows == ()
    assert beside(asked, ["test/auroc"], [measured_on()]).rows == (), "a row without any of the columns says nothing"


def test_the_table_shows_them_as_they_were_published(spec: TableSpec, tmp_path: Path) -> None:
    table = Table.from_records(spec, [measured_on(19_929, seed=seed) for seed in range(2)])
    rows = [line for line in table.to_markdown().splitlines() if line.startswith("| ")]
    assert rows[2] == "| trivial predictor | .711 |  | – |  | – |  |"
    assert rows[3:5] == [
        "| Ours to beat (2019) | .8170 |  | – |  | .756 |  |",
        "| No accuracy (2023) | – |  | – |  | .7126 |  |",
    ]
    assert rows[5].startswith("| w=uniform | .800")
    assert "(official, 19,930 photographs; here 19,929)" in table.footer
    assert "From a table [S/D]: Ours to beat. From a model card [S]: No accuracy." in table.footer
    table.to_csv(tmp_path / "table.csv")
    assert "Ours to beat (2019),test/accuracy,,0.8170," in (tmp_path / "table.csv").read_text()


def test_none_beside_small_runs(spec: TableSpec) -> None:
    table = Table.from_records(spec, [measured_on(16)])
    assert "Ours to beat" not in table.to_markdown()
    assert "these runs on 16 (the official split of AVA)" in table.footer


def test_a_table_that_asks_for_none_does_not_speak_of_them(spec: TableSpec) -> None:
    assert "ublished" not in Table.from_records(replace(spec, published=None), [measured_on()]).to_markdown()


def test_the_file_is_found_from_the_folder_of_the_table(tmp_path: Path, asked: Published) -> None:
    (tmp_path / "ava").mkdir()
    said = "title: t\nbaseline: b\ncolumns: {test/srcc: SRCC}\n"
    said += "published: {file: ../published.csv, data: AVA, split: official}\n"
    (tmp_path / "ava/table.yaml").write_text(said)
    found = TableSpec.load(tmp_path / "ava/table.yaml").published
    assert found is not None
    assert read_published(Path(found.file)) == read_published(Path(asked.file))


def test_the_committed_file() -> None:
    shown = beside(Published(str(AVA), "AVA", "official"), METRICS, [measured_on()]).rows
    assert {(row.label, row.text("test/srcc")) for row in shown} >= {
        ("TOPIQ, ResNet-50 (2023)", ".736"),
        ("TOPIQ, Swin (2023)", ".791"),
        ("OneAlign (2024)", ".823"),
        ("NIMA, Inception-ResNet-v2, trained again (2022)", ".7126"),
    }
    assert {row.n for row in shown} == {19_930}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.8170", "81,7", r"line 3, column test/accuracy: '81,7' is no number"),
        (",evidence,", ",proof,", "has no column evidence"),
    ],
)
def test_refuses(asked: Published, old: str, new: str, message: str) -> None:
    Path(asked.file).write_text(CSV.replace(old, f'"{new}"' if "," in new.strip(",") else new))
    with pytest.raises(TableError, match=message):
        read_published(Path(asked.file))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"none\.csv cannot be read \(No such file"):
        read_published(tmp_path / "none.csv")
