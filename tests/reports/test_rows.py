"""Rows survive any name, ranks are by score, and a broken run leaves what was done."""

import csv
import io
import json
import math
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pytest
from rich.console import Console

from awcu.inference.explanation import Verdict
from awcu.models.objective import Score
from awcu.models.reference import Reference
from awcu.reports.rows import VERDICT, Rows, attribute_columns, rank, table, text_of, verdict_row, visible

REFERENCE = Reference(4, tuple(range(101)), 1.0, 1.0, 1.0, None)
FORMULA = "=1+1.jpg"
NAMES = ["plain.jpg", "a b,c.jpg", 'a "quoted" one.jpg', "two\nlines.jpg", "return\rhere.jpg", "日本 ñ.jpg", FORMULA]


def verdict(score, attributes):
    logits = {name: math.log(share / (1 - share)) for name, share in attributes.items()}
    return Verdict(score, 1 / (1 + math.exp(-score)), attributes, logits)


def row(name, score=1.0, attributes=MappingProxyType({}), reference=REFERENCE):
    return verdict_row(Path(name), verdict(score, dict(attributes)), reference)


def written(path, rows, columns=("path", "score", "rank", "error")):
    with Rows(path, columns) as kept:
        for one in rows:
            kept.add(one)
    return path.read_bytes().decode()


def test_a_row_by_hand():
    assert row("photos/a.jpg", 0.0, {"indoors": 0.25}) == {
        "path": "photos/a.jpg", "score": 0.0, "rating": None, "probability": 0.5, "level": "low", "share_below": 0.0,
        "indoors": 0.25,
    }  # fmt: skip
    # 51 of the 101 hundredths lie below.
    found = row("a.jpg", 50.5)
    assert (found["level"], found["share_below"]) == ("high", round(51 / 101, 4))
    assert row("a.jpg", reference=None)["share_below"] is None


def test_attributes_called_as_another_column_are_told_apart():
    assert attribute_columns(["sea", "score", "level", "sky"]) == ["sea", "attribute score", "attribute level", "sky"]
    found = row("a.jpg", 2.0, {"score": 0.5, "sea": 0.25})
    assert (found["score"], found["attribute score"], found["sea"]) == (2.0, 0.5, 0.25)


def test_ranks_by_hand():
    rows = [{"score": score} for score in (0.5, None, 2.0, 0.5, -1.0)]
    rank([*rows, {}])
    assert [one.get("rank") for one in rows] == [2, None, 1, 2, 4]


@pytest.mark.parametrize("name", [name for name in NAMES if name != FORMULA])
def test_every_name_comes_back_from_csv(tmp_path, name):
    text = written(tmp_path / "a.csv", [row(name), {"path": "b.jpg", "error": f"{name}: cut short"}])
    assert text.startswith("path,score,rank,error\n")
    assert text.endswith("\n")
    found = {one["path"]: one for one in csv.DictReader(io.StringIO(text, newline=""))}
    assert found[name] == {"path": name, "score": "1.0", "rank": "1", "error": ""}
    assert found["b.jpg"] == {"path": "b.jpg", "score": "", "rank": "", "error": f"{name}: cut short"}
    assert set(pd.read_csv(tmp_path / "a.csv")["path"]) == {name, "b.jpg"}


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_text_is_a_formula_to_a_spreadsheet(tmp_path, first):
    name = f"{first}HYPERLINK(1).jpg"
    columns = ("path", "score", f"{first}sky", "error")
    bad = {"path": "b.jpg", "error": f"{name}: cut short"}
    text = written(tmp_path / "a.csv", [row(name, -1.5), bad], columns)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows == [
        ["path", "score", f"'{first}sky", "error"],
        [f"'{name}", "-1.5", "", ""],
        ["b.jpg", "", "", f"'{name}: cut short"],
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_comes_back_from_json_lines(tmp_path, name):
    text = written(tmp_path / "a.jsonl", [row(name), {"path": "b.jpg", "error": "cut short"}])
    lines = text.removesuffix("\n").split("\n")
    found = {one["path"]: one for one in map(json.loads, lines)}
    assert len(lines) == 2
    assert found[name] == {"path": name, "score": 1.0, "rank": 1, "error": None}
    assert found["b.jpg"] == {"path": "b.jpg", "score": None, "rank": None, "error": "cut short"}


def test_a_name_that_is_no_text_can_be_written(tmp_path):
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    assert text_of(Path(name)) == r"caf\udce9.jpg"
    assert r"caf\udce9.jpg" in written(tmp_path / "a.csv", [row(name)])


def test_rows_are_in_the_order_of_their_paths(tmp_path):
    found = pd.read_csv(io.StringIO(written(tmp_path / "a.csv", [row("c", 1), row("a", 3), row("b", 2)])))
    assert found["path"].tolist() == ["a", "b", "c"]
    assert found["rank"].tolist() == [1, 2, 3]


def test_a_broken_run_leaves_what_was_done(tmp_path):
    rows = Rows(tmp_path / "a.csv", ["path", "score", "rank"])
    with suppress(KeyboardInterrupt), rows:
        rows.add(row("a", 1))
        rows.add(row("b", 2))
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["a.partial.csv"]
    assert rows.partial.read_text() == "path,score,rank\na,1,2\nb,2,1\n"
    # The next run that is whole takes its place.
    written(tmp_path / "a.csv", [row("a")])
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_run_that_did_nothing_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="broken"), Rows(tmp_path / "a.csv", ["path"]):
        raise ValueError("broken")
    assert list(tmp_path.iterdir()) == []


def test_the_rows_so_far_are_kept_while_the_work_goes_on(tmp_path):
    with Rows(tmp_path / "a.jsonl", ["path"], every=0) as rows:
        for n in range(3):
            rows.add(row(str(n)))
            assert not (tmp_path / "a.jsonl").exists()
            assert len((tmp_path / "a.partial.jsonl").read_text().splitlines()) == n + 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_nothing_is_written_where_nothing_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Rows(None, ["path", "rank"], every=0) as rows:
        rows.add(row("a.jpg"))
    assert rows.text(".csv") == "path,rank\na.jpg,1\n"
    assert list(tmp_path.iterdir()) == []


def test_control_characters_are_spelled_out():
    assert visible("a\nb\x1b[31m\t\x7fñ日 ") == r"a\nb\x1b[31m\t\x7fñ日 "


def printed(rows, attributes=(), reference=REFERENCE, **model):
    rank(rows)
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    console.print(table(rows, attributes, reference, **model))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_table_is_best_first():
    rows = [
        row("[b]worst[/b].jpg", -1.234, {"sea": 0.1, "sky": 0.9}),
        row("best\n.jpg", 50.5, {"sea": 0.8, "sky": 0.3}),
    ]
    lines = printed([*rows, {"path": "broken.jpg", "error": "cut short"}], ["sea", "sky"])
    assert lines == [
        "    score  probability  better than  photograph        likeliest attributes",
        r"1  +50.50         100%          50%  best\n.jpg        sea 80%, sky 30%",
        "2   −1.23          23%           0%  [b]worst[/b].jpg  sky 90%, sea 10%",
        "Better than: the share of 4 photographs the model has not learned from that score lower.",
    ]


def test_a_model_without_probability_has_an_empty_column_and_none_to_read():
    rows = [verdict_row(Path("a.jpg"), verdict(0.5, {})._replace(probability=None), None)]
    kept = Rows(None, ["path", "score", "probability"])
    kept.rows = rows
    assert kept.text(".csv") == "path,score,probability\na.jpg,0.5,\n"
    assert json.loads(kept.text(".jsonl"))["probability"] is None
    assert [line.split() for line in printed(rows, reference=None)] == [["score", "photograph"], ["1", "+.50", "a.jpg"]]


def test_a_rating_takes_the_place_of_the_signed_score():
    said = verdict(-2.0, {})._replace(probability=None, rating=0.5)
    rows = [verdict_row(Path("a.jpg"), said, None)]
    kept = Rows(None, ["path", *VERDICT])
    kept.rows = rows
    assert kept.text(".csv").startswith("path,score,rating,probability,level,rank,share_below\na.jpg,-2.0,0.5,,low,")
    lines = printed(rows, reference=None, objective=Score((0.0, 5.0), 2.5), purpose="For quality.")
    assert [line.split() for line in lines] == [
        ["rating", "(0–5)", "photograph"],
        ["1", "0.50", "a.jpg"],
        ["For", "quality."],
    ]


def test_a_long_table_shows_the_best_and_says_so():
    lines = printed([row(f"{n}.jpg", n) for n in range(50)], reference=None)
    assert lines[1].startswith(" 1  +49.00")
    assert lines[-2].startswith("40  +10.00")
    assert lines[-1] == "The best 40 of 50; --out FILE.csv keeps them all."


def test_labels_are_given_by_the_scores_of_all(tmp_path):
    path = tmp_path / "scores.csv"
    with Rows(path, ["path", "score", "label"], label=lambda scores: [f"of {score:g}" for score in scores]) as rows:
        rows.add(row("b.jpg", 2.0))
        rows.add({"path": "c.jpg", "error": "gone"})
        rows.add(row("a.jpg", 1.0))
    assert path.read_text() == "path,score,label\na.jpg,1.0,of 1\nb.jpg,2.0,of 2\nc.jpg,,\n"


def test_labels_in_the_table():
    rows = [row("a.jpg", 1.0) | {"label": -1}, row("b.jpg", 2.0) | {"label": None}]
    rank(rows)
    shown = Console(file=io.StringIO(), width=100)
    shown.print(table(rows, [], REFERENCE))
    lines = [line.split() for line in shown.file.getvalue().splitlines()]
    assert lines[0][-2:] == ["label", "photograph"]
    assert lines[1][-1:] == ["b.jpg"]
    assert lines[2][-2:] == ["-1", "a.jpg"]
