"""The page says what the table says, and holds all that it needs."""

import base64
import math
import re
from dataclasses import replace

import pytest
from factories import run
from plots.test_ladder import SPEC, table

from awcu.reports.experiment import Experiment, ExperimentReport, gather, usual_spec
from awcu.reports.experiment_page import COLOURS, lead, report_html, verdicts
from awcu.tables.intervals import Estimate
from awcu.tables.table import Table


def made(**changes):
    compared = table()
    records = {
        (row.variant, seed): run(
            variant=row.variant, seed=seed, wall_time_s=90.0, created="2026-01-0" + str(seed + 1) + "T10:00:00+00:00"
        )
        for row in compared.rows
        for seed in row.seeds
    }
    values = {
        "name": "made/nested",
        "table": compared,
        "records": records,
        "failures": [],
        "histories": {},
        "shown": [],
        "command": "awcu train experiment=made",
    }
    return ExperimentReport(**values | changes)


def figures(html, says):
    """The drawings whose description begins so, as SVG."""
    found = re.findall(rf'src="data:image/svg\+xml;base64,([^"]*)" alt="{says}', html)
    return [base64.b64decode(one).decode() for one in found]


def texts(svg, pattern):
    return re.findall(rf">({pattern})</text>", svg)


def plain(html):
    text = re.sub(r"<(style|title|script|svg)\b.*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL)
    return " ".join(text.replace("\u00a0", " ").split())


@pytest.fixture(scope="module")
def page(experiment_runs):
    return report_html(gather(Experiment.find("experiment=smoke"), experiment_runs, None, [], 2))


class TestWhole:
    def test_nothing_is_fetched_from_elsewhere(self, page):
        assert "http" not in page
        sources = re.findall(r'(?:src|srcset|href|url)\s*[=(]\s*"?([^",)]*)', page)
        assert all(source.startswith(("data:image/", "#")) for source in sources)

    def test_four_photographs_of_each_of_two_rows_with_two_maps(self, page):
        assert len(re.findall(r'src="data:image/jpeg', page)) == 2 * 4 * 3
        assert len(re.findall(r'<img [^>]*alt="[^"]+', page)) == len(re.findall(r"<img ", page))
        assert len(page) < 600_000

    def test_a_map_that_no_model_has_has_no_column(self, experiment_runs, page):
        assert page.count("first AttAM</th>") == 4
        report = gather(Experiment.find("experiment=smoke"), experiment_runs, None, [], 2)
        for kept, titles in ((1, ["AesAM"]), (0, [])):
            shown = [
                one._replace(
                    farthest=[photograph._replace(maps=photograph.maps[:kept]) for photograph in one.farthest],
                    nearest=[],
                )
                for one in report.shown
            ]
            without = report_html(replace(report, shown=shown))
            assert re.findall(r'class="map">([^<\n]+)</th>', without) == titles * 2

    def test_a_line_a_run_in_every_panel(self, page):
        (curves,) = figures(page, "Training loss")
        assert texts(curves, "training loss.*|validation .*") == [
            "training loss, weighted", "validation accuracy", "validation AUROC", "validation SRCC",
        ]  # fmt: skip
        # Baseline and best; the row between has no runs.
        assert texts(curves, "uniform|step|drop") == ["uniform", "step"]
        for colour in COLOURS[:2]:
            lines = re.findall(rf'clip-path="[^"]*" style="fill: none; stroke: {colour.lower()}', curves)
            assert len(lines) == 2 * 4

    def test_failed_runs_with_their_error(self, page):
        text = plain(page)
        assert "Failed runs variant seed error drop 0 no room &lt;left&gt;" in text
        assert "drop (n = 0 of 2; 1 failed) –" in text

    def test_the_caption_is_the_tables(self, experiment_runs, page):
        report = gather(Experiment.find("experiment=smoke"), experiment_runs, None, [], 0)
        assert report.table.footer in plain(page).replace("&#39;", "'").replace("&lt;", "<")

    def test_runs_one_by_one(self, page, experiment_runs):
        assert "All 4 runs, one by one" in page
        body = re.search(r'<table class="runs.*?</table>', page, re.DOTALL)[0]
        assert re.findall(r'scope="row"[^>]*>(\w+)</th><td data-key="(\d)"', body) == [
            ("uniform", "0"), ("uniform", "1"), ("step", "0"), ("step", "1"),
        ]  # fmt: skip


class TestTable:
    def test_texts_are_those_of_every_other_table(self):
        html = report_html(made())
        body = re.search(r'<table class="comparison.*?</table>', html, re.DOTALL)[0]
        texts = [re.sub(r"<[^>]*>", " ", cell).strip() for cell in re.findall(r"<td.*?</td>", body, re.DOTALL)]
        lines = table().lines()
        assert texts == [text for _, cells in lines for text, _ in cells]
        bold = [text for _, cells in lines for text, bold in cells if bold]
        assert re.findall(r"<strong>([^<]*)", body) == bold

    def test_keys_sort_by_full_precision(self):
        html = report_html(made())
        rows = table().rows
        keys = [float(key) for key in re.findall(r'<td data-key="([^"]+)">\.', html)][: len(rows)]
        assert all(
            any(abs(key - cell.value.mean) < 1e-12 for row in rows for cell in row.cells.values()) for key in keys
        )

    def test_bars_are_where_the_numbers_are(self):
        """The widest interval reaches an edge; the baseline's own dot is on its line."""
        html = report_html(made())
        bars = [
            tuple(map(float, found))
            for found in re.findall(
                r'left: ([\d.]+)%"></i><i class="interval" style="left: ([\d.]+)%; width: ([\d.]+)%"></i>'
                r'<i class="mean" style="left: ([\d.]+)%', html,
            )
        ]  # fmt: skip
        columns = len(SPEC.columns)
        assert len(bars) == columns * sum(bool(row.seeds) for row in table().rows)
        shown = [row.variant for row in table().rows if row.seeds]
        reference, left, width, middle = bars[columns * shown.index("w=1")]
        assert middle == reference
        assert middle == pytest.approx(left + width / 2, abs=0.2)
        assert min(bar[1] for bar in bars[::columns]) == 0
        assert max(bar[1] + bar[2] for bar in bars[::columns]) == pytest.approx(100, abs=0.2)


class TestLadder:
    def test_is_that_of_the_readme(self):
        (ladder,) = figures(report_html(made()), "Ladder: AUROC, accuracy")
        assert {"AUROC", "accuracy", SPEC.title} <= set(texts(ladder, ".*"))

    def test_none_where_none_is_asked_for_or_nothing_is_on_it(self):
        spec = replace(SPEC, ladder=None)
        assert 'id="ladder"' not in report_html(made(table=table(spec=spec)))
        elsewhere = replace(SPEC, ladder=replace(SPEC.ladder, series={"": {"w=32": 32}}, others=()))
        assert 'id="ladder"' not in report_html(made(table=table(spec=elsewhere)))


class TestCurves:
    def test_runs_without_are_counted(self):
        histories = {("w=1", 0): [{"epoch": 1, "val/auroc": 0.5}]}
        report = made(histories=histories)
        html = report_html(report)
        assert f"{len(report.records) - 1} of {len(report.records)} runs have no curve" in plain(html)
        (curves,) = figures(html, "Training loss")
        assert texts(curves, "training loss.*|validation .*") == ["validation AUROC"]
        assert "<use" in curves[curves.index('id="line2d_') :], "one epoch is a dot"

    def test_what_is_undefined_everywhere_has_no_panel(self):
        histories = {("w=1", 0): [{"epoch": 1, "val/auroc": math.nan}, {"epoch": 2, "val/auroc": math.nan}]}
        assert not figures(report_html(made(histories=histories)), "Training loss")

    def test_many_runs_stay_small_and_are_the_same_each_time(self):
        history = [{"epoch": epoch, "train/loss": 1 / epoch, "val/auroc": 0.5 + epoch / 100} for epoch in range(1, 21)]
        histories = {("w=1", seed): history for seed in range(65)}
        pages = [report_html(made(histories=histories)) for _ in range(2)]
        assert len(pages[0]) < 400_000
        assert pages[0] == pages[1]


class TestWords:
    def test_lead(self):
        report = made()
        rows, runs = sum(bool(row.seeds) for row in report.table.rows), len(report.records)
        last = 1 + max(seed for _, seed in report.records)
        assert lead(report) == f"{rows} variants in {runs} runs of 1.5 min on average, the last on {last} January 2026."

    def test_lead_of_one_run_of_unknown_time(self):
        one = {("a", 0): run(variant="a", wall_time_s=0.0)}
        alone = Table.from_records(
            usual_spec("e", [run(metrics={"test/auroc": 0.5})], []), [run(metrics={"test/auroc": 0.5})]
        )
        assert lead(made(table=alone, records=one)) == "1 variant in 1 run, the last at an unknown time."
        assert verdicts(alone) == ["There is nothing yet to compare (no overrides) with."]

    def test_what_survives_is_named_and_the_rest_is_not_decided(self):
        compared = table()
        assert verdicts(with_differences(compared, {})) == [
            "No difference to w=1 survives correction: nothing is decided."
        ]
        assert verdicts(with_differences(compared, {("w=2", "test/auroc"): 0.01, ("w=power", "test/auroc"): 0.2})) == [
            "These differences to w=1 survive correction.", "AUROC: w=2 (+.010 ± .001). No other difference does.",
        ]  # fmt: skip
        both = {("w=2", "test/auroc"): 0.01, ("w=power", "test/accuracy"): 0.04}
        assert verdicts(with_differences(compared, both)) == [
            "These differences to w=1 survive correction.",
            "accuracy: power, γ = 1 (+.010 ± .001).",
            "AUROC: w=2 (+.010 ± .001).",
        ]


def with_differences(compared, p_values):
    """The table with one difference everywhere and these adjusted p-values; 1 elsewhere."""
    rows = []
    for row in compared.rows:
        cells = {
            metric: cell
            if cell.difference is None
            else replace(cell, difference=Estimate(0.01, 0.001, 3), adjusted_p=p_values.get((row.variant, metric), 1.0))
            for metric, cell in row.cells.items()
        }
        rows.append(replace(row, cells=cells))
    return replace(compared, rows=tuple(rows))
