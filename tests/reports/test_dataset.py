"""The report on a data set: what it says, and the page."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from factories import EMPTY, MISSING, facts_of

from awcu.datasets.audit import photograph_report
from awcu.reports.dataset import Kept, findings, lead, part_of, particulars, summary_html, table_notes
from awcu.text import counted, percent, size

KEPT = Kept("/fast/a <set>", 12_345_678, 256, 95, "0123abcd")
COMMAND = "awcu train 'data.root=/a & b' data.prepared=/fast"


@pytest.fixture
def twelve(make_ratings):
    return make_ratings(
        mean_score=np.linspace(2.0, 4.2, 12),
        scale=np.arange(1.0, 6.0),
        midpoint=3.0,
        split=np.array(["train", "test"] * 6),
        vote_count=np.array([10.0] * 11 + [30.0]),
    )


def report(ratings, short_side=256, **changes):
    return photograph_report(ratings, facts_of(ratings, **changes), short_side)


def test_what_is_no_share_is_a_dash():
    assert percent(np.nan) == "–"


def test_part_of():
    assert part_of(1234, 2468) == "1,234 (50\u00a0%)"
    assert part_of(0, 0) == "0"


def test_counted():
    assert [counted(n, "file") for n in (0, 1, 2000)] == ["0 files", "1 file", "2,000 files"]


@pytest.mark.parametrize(
    ("count", "text"), [(999, "1.0 kB"), (1_000_000, "1.0 MB"), (34_567_890, "34.6 MB"), (3.4e12, "3,400.0 GB")]
)
def test_size(count, text):
    assert size(count) == text


def test_lead(twelve):
    # Steps of .2 from 2 to 4.2: six above 3; within .5 lie 2.6 to 3.4, within 1 all but 2, 4 and 4.2.
    text = "12 photographs rated from 1 to 5. 50 % are high, their mean score above the midpoint 3; "
    text += "42 % lie within 0.5 rating points of it, 75 % within 1."
    assert lead(report(twelve)).replace("\u00a0", " ") == text


class TestFindings:
    def test_of_a_faultless_set(self, twelve):
        assert findings(report(twelve)) == []

    def test_every_kind_in_the_order_of_its_weight(self, twelve):
        one, other = {"sha256": "one"}, {"sha256": "other"}
        found = findings(
            report(
                twelve,
                p00=MISSING,
                p01=EMPTY,
                p02=one,
                p03=one,
                p04=other,
                p06=other,
                p07={"look": bytes(32)},
                p08={"look": bytes(32)},
                p09={"look": b"1" * 32},
                p11={"look": b"1" * 32},
            )
        )
        assert [(finding.text, finding.named, finding.more, finding.warns) for finding in found] == [
            ("1 photograph missing", ("p00",), 0, False),
            ("1 photograph unreadable", ("p01: zero bytes; fetch the photograph again",), 0, False),
            ("1 photograph more than once within a split", ("p04 = p06 (train)",), 0, False),
            ("1 photograph more than once within a split by their looks", ("p09 = p11 (test)",), 0, False),
            (
                "Warning: 1 photograph in more than one split, byte for byte the same",
                ("p02 (train) = p03 (test)",),
                0,
                True,
            ),
            (
                "Warning: 1 photograph in more than one split by their looks; leave_out_alike=true trains without "
                "those that leak",
                ("p07 (test) = p08 (train)",),
                0,
                True,
            ),
        ]

    def test_five_are_named(self, twelve):
        found = findings(report(twelve, **{f"p{i:02d}": MISSING for i in range(7)}))
        assert found[0].named == ("p00, p01, p02, p03, p04 and 2 more",)

    def test_the_commonest_reasons_are_named_first(self, twelve):
        changes = {f"p{i:02d}": EMPTY | {"fault": f"{{path}}: reason {min(i, 6)}"} for i in range(9)}
        found = findings(report(twelve, **changes))[0]
        assert found.photographs == 9
        lines = ("p06, p07, p08: reason 6", "p00: reason 0", "p01: reason 1", "p02: reason 2", "p03: reason 3")
        assert found.named == lines
        assert found.more == 2

    def test_a_photograph_that_is_there_too_often_to_name_them_all(self, twelve):
        found = findings(report(twelve, **{f"p{i:02d}": {"sha256": "same"} for i in range(8)}))[0]
        names = "p00 (train) = p01 (test) = p02 (train) = p03 (test) = p04 (train) and 3 more"
        assert found.named == (names,)

    def test_more_photographs_than_are_named(self, twelve):
        pairs = {f"p{i:02d}": {"sha256": f"of {i // 2}"} for i in range(12)}
        found = findings(report(twelve, **pairs))[0]
        assert (found.photographs, len(found.named), found.more) == (6, 5, 1)


class TestParticulars:
    def test_values(self, twelve):
        known = particulars(report(twelve, p00={"width": 200, "height": 800}, p01=MISSING), 9_000, 256, 95)
        assert known == {
            "mean score": "3.18 on average, standard deviation 0.66",
            "ratings each": "10 to 30, median 10",
            "short side": "200 to 480, median 480 pixels; 1 below 256 keep their size",
            "originals": "11.0 kB in 11 files",
            "prepared": "9.0 kB as JPEG of quality 95, short side 256 pixels",
        }

    def test_one_value_is_no_range(self, twelve):
        assert particulars(report(twelve), 9_000, 256, 95)["short side"] == "480 pixels"

    def test_what_is_not_known_is_not_there(self, make_ratings):
        ratings = make_ratings(mean_score=[2.0, 4.0], scale=np.arange(1.0, 6.0), midpoint=3.0)
        assert "ratings each" not in particulars(report(ratings), 1, 256, 95)

    def test_more_space_than_the_originals_is_said(self, twelve):
        assert "more than the originals" in particulars(report(twelve), 12_001, 256, 95)["prepared"]


def test_a_column_is_explained_where_it_is_shown(twelve):
    assert [note.partition(":")[0] for note in table_notes(report(twelve))] == ["dropped"]
    assert [note.partition(":")[0] for note in table_notes(report(twelve, p00=EMPTY))] == ["dropped", "left out"]


@pytest.fixture
def forty(make_ratings):
    return make_ratings(
        mean_score=np.linspace(1.2, 4.8, 40),
        scale=np.arange(1.0, 6.0),
        midpoint=3.0,
        split=np.array(["train", "val", "test", "train"] * 10),
        name="a <b>set</b>",
        notes=("3 files <i>have</i> no rating",),
    )


def page(forty, **changes):
    report = photograph_report(forty, facts_of(forty, **changes), 256)
    return summary_html(report, KEPT, COMMAND)


def plain(html):
    """The text of a page, without its style."""
    text = re.sub(r"<(style|title)>.*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL)
    return " ".join(text.replace("\u00a0", " ").split())


def test_whatever_the_set_is_called_comes_out_as_text(forty):
    html = page(forty, p00=EMPTY | {"fault": "{path}: <script>alert()</script>"})
    assert "<script" not in html
    assert "<title>a &lt;b&gt;set&lt;/b&gt;: photographs" in html
    for text in ("3 files &lt;i&gt;have", "/fast/a &lt;set&gt;", "data.root=/a &amp; b", "p00: &lt;script"):
        assert text in html


def test_nothing_is_fetched_from_elsewhere(forty):
    html = page(forty)
    assert "http" not in html
    assert re.findall(r'(?:src|srcset|href)="([^,]*),', html) == ["data:image/png;base64"] * 2
    light, dark = re.findall(r"base64,([^\"]*)", html)[::-1]
    assert light != dark


def test_the_table_has_a_row_a_split(forty):
    # Steps of .0923 from 1.2: the low are the first twenty, and of each four two are for training.
    text = plain(page(forty))
    assert "split photographs high low dropped at δ = 0.5 dropped at δ = 1 train 20 10 (50 %) 10 (50 %)" in text
    assert "all 40 20 (50 %) 20 (50 %) 25 % 55 %" in text
    assert "No photograph is missing, unreadable or duplicated." in text
    assert "left out" not in text


def test_findings(forty):
    changes = {f"p{i:02d}": {"sha256": f"of {i // 2}"} for i in range(10, 24)}
    text = plain(page(forty, p00=MISSING, p01=EMPTY, p02=EMPTY, **changes))
    assert "left out train 19" in text
    assert "1 photograph missing p00 2 photographs unreadable p01, p02: zero bytes" in text
    assert "Warning: 7 photographs in more than one split, byte for byte the same p10 (test) = p11 (train)" in text
    assert "and 2 more, in manifest.csv" in text
    assert "No photograph is missing" not in text


def test_what_was_kept_and_what_to_type(forty):
    text = plain(page(forty))
    assert "prepared 12.3 MB as JPEG of quality 95, short side 256 pixels" in text
    assert "Train on them awcu train" in text
    assert f"ratings {forty.fingerprint}, split {forty.split_fingerprint}, pictures 0123abcd" in text


@pytest.mark.browser
def test_it_prints_on_one_page(forty, tmp_path):
    """Also with as many findings as a page can have."""
    if shutil.which("chromium") is None:
        pytest.skip("needs chromium")
    changes = {f"p{i:02d}": MISSING for i in range(6)}
    changes |= {f"p{i:02d}": EMPTY | {"fault": f"{{path}}: {i} bytes are missing at the end"} for i in range(6, 12)}
    changes |= {f"p{i:02d}": {"sha256": f"of {i % 6 if i < 24 else i // 2}"} for i in range(12, 40)}
    (tmp_path / "summary.html").write_text(page(forty, **changes))
    words = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    words += f" --disable-component-update --disable-sync --user-data-dir={tmp_path}/profile --no-pdf-header-footer"
    words += f" --print-to-pdf={tmp_path}/page.pdf file://{tmp_path}/summary.html"
    subprocess.run(["chromium", *words.split()], check=True, capture_output=True, timeout=120)
    assert re.findall(rb"/Count (\d+)", (tmp_path / "page.pdf").read_bytes()) == [b"1"]
