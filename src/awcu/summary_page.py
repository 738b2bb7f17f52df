"""A report on photographs as one file for the browser, which needs no other and prints on one page."""

import base64
from dataclasses import dataclass

from awcu.html import template
from awcu.photograph_report import DELTAS, PhotographReport
from awcu.ratings_plot import DARK, LIGHT, Colours, ratings_png
from awcu.report_wording import findings, lead, part_of, particulars, share, table_notes


@dataclass(frozen=True)
class Kept:
    """What was kept of the photographs.

    Attributes:
        folder: Where.
        bytes: On disk.
        short_side: In pixels.
        quality: Of the JPEGs.
        fingerprint: Of their pictures.
    """

    folder: str
    bytes: int
    short_side: int
    quality: int
    fingerprint: str


def summary_html(report: PhotographReport, kept: Kept, command: str) -> str:
    """The page.

    Args:
        report: What is known of the photographs.
        kept: What was kept of them.
        command: To type next, ready for a shell.
    """
    ratings = report.ratings
    return template("summary.html", share=share, part_of=part_of).render(
        name=ratings.name,
        lead=lead(report),
        deltas=DELTAS,
        counts=report.counts,
        left_out=report.counts[-1].left_out > 0,
        table_notes=table_notes(report),
        findings=findings(report),
        notes=ratings.notes,
        facts=particulars(report, kept.bytes, kept.short_side, kept.quality),
        kept=kept,
        command=command,
        fingerprints={"ratings": ratings.fingerprint, "split": ratings.split_fingerprint, "pictures": kept.fingerprint},
        light=_data_uri(report, LIGHT),
        dark=_data_uri(report, DARK),
    )


def _data_uri(report: PhotographReport, colours: Colours) -> str:
    picture = ratings_png(report.ratings, colours, titled=False)
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
