import re
import shutil
import subprocess

import numpy as np
import pytest
from factories import EMPTY, MISSING, facts_of

from awcu.datasets.audit import photograph_report
from awcu.reports.dataset import Kept, summary_html

KEPT = Kept("/fast/a <set>", 12_345_678, 256, 95, "0123abcd")
COMMAND = "awcu train 'data.root=/a & b' data.prepared=/fast"


@pytest.fixture
def ratings(make_ratings):
    return make_ratings(
        mean_score=np.linspace(1.2, 4.8, 40),
        scale=np.arange(1.0, 6.0),
        midpoint=3.0,
        split=np.array(["train", "val", "test", "train"] * 10),
        name="a <b>set</b>",
        notes=("3 files <i>have</i> no rating",),
    )


def page(ratings, **changes):
    report = photograph_report(ratings, facts_of(ratings, **changes), 256)
    return summary_html(report, KEPT, COMMAND)


def plain(html):
    """The text of a page, without its style."""
    text = re.sub(r"<(style|title)>.*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL)
    return " ".join(text.replace("\u00a0", " ").split())


def test_whatever_the_set_is_called_comes_out_as_text(ratings):
    html = page(ratings, p00=EMPTY | {"fault": "{path}: <script>alert()</script>"})
    assert "<script" not in html
    assert "<title>a &lt;b&gt;set&lt;/b&gt;: photographs" in html
    for text in ("3 files &lt;i&gt;have", "/fast/a &lt;set&gt;", "data.root=/a &amp; b", "p00: &lt;script"):
        assert text in html


def test_nothing_is_fetched_from_elsewhere(ratings):
    html = page(ratings)
    assert "http" not in html
    assert re.findall(r'(?:src|srcset|href)="([^,]*),', html) == ["data:image/png;base64"] * 2
    light, dark = re.findall(r"base64,([^\"]*)", html)[::-1]
    assert light != dark


def test_the_table_has_a_row_a_split(ratings):
    # Steps of .0923 from 1.2: the low are the first twenty, and of each four two are for training.
    text = plain(page(ratings))
    assert "split photographs high low dropped at δ = 0.5 dropped at δ = 1 train 20 10 (50 %) 10 (50 %)" in text
    assert "all 40 20 (50 %) 20 (50 %) 25 % 55 %" in text
    assert "Every photograph is there once and can be read." in text
    assert "left out" not in text


def test_findings(ratings):
    changes = {f"p{i:02d}": {"sha256": f"of {i // 2}"} for i in range(10, 24)}
    text = plain(page(ratings, p00=MISSING, p01=EMPTY, p02=EMPTY, **changes))
    assert "left out train 19" in text
    assert "1 photograph missing p00 2 photographs unreadable p01, p02: zero bytes" in text
    assert "Warning: 7 photographs in more than one split, byte for byte the same p10 (test) = p11 (train)" in text
    assert "and 2 more, in manifest.csv" in text
    assert "Every photograph is there once" not in text


def test_what_was_kept_and_what_to_type(ratings):
    text = plain(page(ratings))
    assert "prepared 12.3 MB as JPEG of quality 95, short side 256 pixels" in text
    assert "Train on them awcu train" in text
    assert f"ratings {ratings.fingerprint}, split {ratings.split_fingerprint}, pictures 0123abcd" in text


@pytest.mark.browser
def test_it_prints_on_one_page(ratings, tmp_path):
    """Also with as many findings as a page can have."""
    if shutil.which("chromium") is None:
        pytest.skip("needs chromium")
    changes = {f"p{i:02d}": MISSING for i in range(6)}
    changes |= {f"p{i:02d}": EMPTY | {"fault": f"{{path}}: {i} bytes are missing at the end"} for i in range(6, 12)}
    changes |= {f"p{i:02d}": {"sha256": f"of {i % 6 if i < 24 else i // 2}"} for i in range(12, 40)}
    (tmp_path / "summary.html").write_text(page(ratings, **changes))
    words = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    words += f" --disable-component-update --disable-sync --user-data-dir={tmp_path}/profile --no-pdf-header-footer"
    words += f" --print-to-pdf={tmp_path}/page.pdf file://{tmp_path}/summary.html"
    subprocess.run(["chromium", *words.split()], check=True, capture_output=True, timeout=120)
    assert re.findall(rb"/Count (\d+)", (tmp_path / "page.pdf").read_bytes()) == [b"1"]
