"""Published figures: each with source and split, never one from memory; our own row from runs or not run."""

import io
from pathlib import Path
from typing import Any

import pytest
from factories import run
from rich.console import Console

from awcu.errors import RecordError, TableError
from awcu.tables.published import PublishedTable

YAML = """
name: published/ava
title: Figures
columns: {test/accuracy: accuracy, test/srcc: SRCC}
trivial: test/accuracy
own: ours
split: official
command: awcu train -m seed=0,1
"""
HEADER = "method,year,split,n,trivial,test/accuracy,test/srcc,evidence,source\n"
ROW = 'ILGNet,2016,ILGNet AVA1,"20,000",0.800,0.8168,,S,its README\n'
OTHER = "TANet,2022,not stated,,,0.806,-0.758,S/D,table 3\n"


def load(folder: Path, text: str = HEADER + ROW + OTHER, spec: str = YAML, **given: Any) -> PublishedTable:
    (folder / "table.yaml").write_text(spec)
    (folder / "published.csv").write_text(text)
    return PublishedTable.load(folder, **given)


def test_markdown(tmp_path: Path) -> None:
    assert load(tmp_path).to_markdown() == (
        "Figures\n"
        "\n"
        "|  | year | split | n | trivial accuracy | accuracy | SRCC | source |\n"
        "| :-- | --: | --: | --: | --: | --: | --: | :-- |\n"
        "| ILGNet | 2016 | ILGNet AVA1 | 20,000 | .800 | .8168 | – | its README [S] |\n"
        "| TANet | 2022 | not stated | – | – | .806 | −.758 | table 3 [S/D] |\n"
        "| ours | – | official | – | – | – | – | not run: needs the photographs |\n"
        "\n"
        "[S] read in the source; [D] derived from figures read in the source. –: not given there. Only rows on the "
        "same split can be compared. Our own row is filled by `awcu train -m seed=0,1`.\n"
    )


def test_our_own_row_once_it_was_run(tmp_path: Path) -> None:
    records = [
        run(
            seed=seed,
            n={"train": 5, "test": 19_930},
            metrics={"test/accuracy": 0.78 + 0.02 * seed, "test/srcc": 0.7, "test/trivial/accuracy": 0.711},
            created="2026-01-02",
        )
        for seed in (0, 1)
    ]
    table = load(tmp_path, records=records)
    # Two values .02 apart: half-width t · .02/√2/√2 with t = 12.706.
    own = ["ours", "2026", "official", "19,930", ".711", ".790 ± .127", ".700 ± .000", "this suite"]
    assert table.lines[-1] == own
    assert (
        "± is over seeds. Our own row: gallery (aaaa), photographs: 5 train, 19930 test, split (split); 2 seeds"
        in table.footer
    )


def test_our_own_runs_must_belong_together(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="different data_fingerprint"):
        load(tmp_path, records=[run(), run(seed=1, data_fingerprint="bbbb")])


def test_terminal_cuts_no_word(tmp_path: Path) -> None:
    out = io.StringIO()
    text = (HEADER + ROW).replace("its README", "x" * 60)
    Console(width=100, file=out).print(load(tmp_path, text).to_terminal())
    assert "…" not in out.getvalue()
    assert "ILGNet AVA1" in out.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "test/srcc",
            "test/plcc",
            "has the columns .*; needed are method, year, split, n, trivial, evidence, source, test",
        ),
        ("ILGNet AVA1", "", "'ILGNet' has no split; write it, or 'not stated'"),
        ("its README", "", "'ILGNet' has no source; write it"),
        (",S,", ",M,", "'ILGNet' has evidence 'M'; use S, D, C, or leave it out"),
        (",S,", ",,", "'ILGNet' has evidence ''; use"),
        ("0.8168", "81.68", r"'ILGNet' has test/accuracy '81.68'; a number in \[−1, 1\] is needed"),
        ("0.8168", "high", "'ILGNet' has test/accuracy 'high'"),
        ('"20,000"', "many", "'ILGNet' has n 'many'; a count is needed"),
    ],
)
def test_refuses(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        load(tmp_path, (HEADER + ROW).replace(old, new))


def test_trivial_must_be_a_column(tmp_path: Path) -> None:
    spec = YAML.replace("trivial: test/accuracy", "trivial: test/map")
    with pytest.raises(TableError, match="trivial 'test/map' is no column; use one of test/accuracy, test/srcc"):
        load(tmp_path, spec=spec)
