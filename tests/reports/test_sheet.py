"""Sheets hold what the explanation says, whatever is missing, and nothing is cut off or laid over another."""

import html as markup
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from awcu.errors import SheetError
from awcu.images.boxes import Box
from awcu.inference.crop import Proposal
from awcu.inference.explanation import Explanation, Verdict
from awcu.inference.reasons import Reason
from awcu.inference.wording import notes, reasons, sentence
from awcu.models.objective import RatingDistribution, Score
from awcu.models.reference import AttributeLink, Reference
from awcu.reports.panels import GROUND, STEPS, panels
from awcu.reports.sheet import Sheet, contact_sheet
from awcu.text import percent

LINK = AttributeLink(means=(0.0, 1.0, -1.0, 0.0), slopes=(0.5, -2.0, 1.0, 0.1), r2=0.41)
REFERENCE = Reference(152, tuple(np.linspace(-1, 1, 101)), 2.0, evidence_limit=4.0, attribute_limit=8.0, link=LINK)
VERDICT = Verdict(
    score=0.75,
    probability=0.68,
    attributes={"calm": 0.73, "Soft_Light": 0.88, "bold": 0.5, "Complementary_Colours": 0.5},
    attribute_logits={"calm": 1.0, "Soft_Light": 2.0, "bold": 0.0, "Complementary_Colours": 0.0},
)
EVIDENCE = np.diag([3.0, 0.0, -2.0]).astype(np.float32)
SHAPES = {"landscape": (80, 120), "portrait": (120, 80), "square": (90, 90), "panorama": (40, 160), "tower": (160, 40)}
CROP = Proposal(Box(10, 5, 70, 35), worth=0.5)


def explained(shape=(80, 120), attributes=None, **fields):
    """A photograph of noise; of the first attributes only, if their number is given."""
    rng = np.random.default_rng(0)
    names = list(VERDICT.attributes)[:attributes]
    verdict = VERDICT._replace(
        attributes={name: VERDICT.attributes[name] for name in names},
        attribute_logits={name: VERDICT.attribute_logits[name] for name in names},
    )
    link = names and replace(LINK, means=LINK.means[: len(names)], slopes=LINK.slopes[: len(names)])
    photograph = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    made = Explanation(
        photograph,
        verdict,
        EVIDENCE,
        1 / (1 + np.exp(-EVIDENCE)),
        dict.fromkeys(names, 2 * EVIDENCE),
        "warp",
        replace(REFERENCE, link=link or None),
    )
    return replace(made, **fields)


@pytest.fixture
def figure(drawn, monkeypatch):
    """The figure that a sheet is saved as."""
    monkeypatch.setattr("awcu.reports.sheet.LONGEST", 60)
    monkeypatch.setattr("awcu.reports.sheet.DPI", 75)

    def of(*arguments, **options):
        Sheet(*arguments, **options).png()
        return drawn[-1]

    return of


def texts(figure):
    """All that is written, and where, in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    written = list(figure.texts)
    for axes in figure.axes:
        written += [one for one in axes.get_children() if isinstance(one, Text)]
        written += axes.get_xticklabels() if axes.axison else []
    return [(one.get_text(), one.get_window_extent(renderer)) for one in written if one.get_text()]


def read(figure):
    return " ".join(" ".join(text for text, _ in texts(figure)).replace("\N{NO-BREAK SPACE}", " ").split())


def pictures(figure):
    return [axes for axes in figure.axes if axes.images]


class TestArrangement:
    @pytest.mark.parametrize(
        ("shape", "attributes", "crop", "reference"),
        [
            ("landscape", 3, CROP, True),
            ("landscape", 4, None, True),
            ("landscape", 0, None, False),
            ("portrait", 3, CROP, True),
            ("square", 3, CROP, True),
            ("panorama", 3, CROP, True),
            ("tower", 3, CROP, True),
        ],
    )
    def test_nothing_is_cut_off_or_overlaps(self, figure, shape, attributes, crop, reference):
        explanation = explained(SHAPES[shape], reasons=(SOFT, NOISY))
        explanation = explanation if reference else replace(explanation, reference=None)
        found = figure(explanation, "a photograph.jpg", attributes, crop)
        boxes = texts(found) + [("picture", axes.get_window_extent()) for axes in pictures(found)]
        width, height = found.get_size_inches() * found.dpi
        for text, box in boxes:
            assert -1 < box.x0 < box.x1 < width, text
            assert -1 < box.y0 < box.y1 < height, text
        for place, (name, box) in enumerate(boxes):
            for other, another in boxes[place + 1 :]:
                both = Bbox.intersection(box, another)
                # Descenders of one line may reach into the line below.
                assert both is None or both.height <= 3, (name, other)

    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    def test_pictures_keep_their_proportions(self, figure, shape):
        drawn = pictures(figure(explained(shape), crop=CROP))
        assert len(drawn) == 6
        for axes in drawn:
            box, (rows, columns, _) = axes.get_window_extent(), axes.images[0].get_array().shape
            assert box.width / box.height == pytest.approx(columns / rows, rel=1e-6)

    @pytest.mark.parametrize("shape", [(1, 3000), (3000, 1)])
    def test_a_line_of_pixels_can_be_drawn(self, figure, shape):
        assert max(figure(explained(shape)).get_size_inches()) < 20


SOFT = Reason("sharpness", False, 0.09, -0.61, 0.2, np.eye(3))
NOISY = Reason("noise", True, 0.96, -0.3, 0.1, np.eye(3))


def test_reasons_stand_on_the_page_and_in_the_picture(figure):
    explanation = explained(reasons=(SOFT, NOISY))
    for text in (read(figure(explanation)), " ".join(Page(html_of(explanation)).text.split())):
        for reason in reasons(explanation):
            assert reason.replace("\N{NO-BREAK SPACE}", " ") in text.replace("\N{NO-BREAK SPACE}", " ")


class TestPng:
    def test_says_what_the_explanation_says(self, figure):
        explanation = explained()
        page = read(figure(explanation, "dunes at dusk.jpg", crop=CROP))
        for words in (sentence(explanation), *notes(explanation)):
            assert words.replace("\N{NO-BREAK SPACE}", " ") in page
        for words in (
            "dunes at dusk.jpg", "High", "probability of high .68", "score +.75",
            "from −2.0 to +3.0 log odds", "full at ±4.0", "against it", "for it",
            "probability .88, above average", "keeps 19 % of the photograph",
        ):  # fmt: skip
            assert words in page, words
        # The largest effect first, and no more than three.
        order = [page.index(one) for one in ("Soft Light −2.00", "bold +1.00", "calm +.50")]
        assert order == sorted(order)
        assert "Complementary" not in page

    def test_of_a_distribution(self, figure):
        page = read(figure(explained(objective=RatingDistribution((1.0, 2.0, 3.0, 4.0, 5.0), 3.0))))
        assert "High: 3.75 on a scale of 1 to 5" in page
        assert "log odds" not in page

    def test_of_a_regression(self, figure):
        seen = explained(attributes=0, objective=Score((0.0, 5.0), 3.0), likelihood=None)
        page = read(figure(replace(seen, verdict=seen.verdict._replace(probability=None))))
        assert "High: 3.75 on a scale of 0 to 5 (high is above 3) Better than 87 % of 152 photographs" in page
        assert "from −2.0 to +3.0 rating points" in page
        assert "robabilit" not in page
        assert "ikelihood" not in page
        assert "None" not in page

    def test_without_reference_the_likeliest_and_no_number(self, figure):
        page = read(figure(explained(reference=None)))
        assert "probability .88 " in page
        assert "average" not in page
        assert "−2.00" not in page

    def test_fewer_attributes_than_asked(self, figure):
        assert len(pictures(figure(explained(attributes=0), crop=None))) == 2
        assert len(pictures(figure(explained(attributes=1), attributes=3, crop=None))) == 3

    def test_a_long_caption_is_wrapped_and_dollars_are_dollars(self, figure):
        page = figure(explained(), "from $5 to $6\n" + "very " * 60)
        assert "from $5 to $6 very" in read(page)
        assert read(page).count("very") == 60

    def test_whole_frame_is_no_crop(self, figure):
        page = read(figure(explained(), crop=Proposal(Box(0, 0, 120, 80), 1.0)))
        assert "suggested crop: all of it" in page
        assert "Suggested crop" not in page


class TestPanels:
    def test_the_scale_shows_the_colours_of_the_map(self):
        """Over the scale's own grey, full colours at the limit and none at zero."""
        grey = np.full((31, 31, 3), GROUND, dtype=np.uint8)
        evidence = np.array([[-4.0, 0.0, 4.0]], dtype=np.float32).repeat(3, axis=0)
        panel = panels(explained(photograph=grey, evidence=evidence), 0, None, longest=31).evidence
        colours = panel.scale.colours[0].astype(int)
        assert len(colours) == STEPS
        assert np.abs(panel.picture[15, [0, 15, 30]] - colours[[0, STEPS // 2, -1]]).max() <= 8
        assert colours[-1, 0] > colours[-1, 2]
        assert colours[0, 2] > colours[0, 0]

    def test_one_scale_whatever_the_photograph(self):
        strong, weak = explained(), explained(evidence=EVIDENCE / 10)
        scales = [panels(one, 1, None, 60).evidence.scale for one in (strong, weak)]
        assert scales[0].ends == scales[1].ends
        np.testing.assert_array_equal(scales[0].colours, scales[1].colours)

    def test_likelihood_is_between_none_and_certain(self):
        """Interpolation overshoots; a colour map has no colour for it."""
        likelihood = np.array([[0.0, 1.0, 0.0, 1.0]], dtype=np.float32)
        panel = panels(explained(likelihood=likelihood), 0, None, 60).likelihood
        assert panel.scale.ends == ("0", ".5", "1")
        assert panel.picture.dtype == np.uint8

    def test_what_was_not_seen_is_hatched(self):
        grey, full = np.full((40, 120, 3), 100, dtype=np.uint8), np.full((2, 2), 4.0, dtype=np.float32)
        explanation = explained(photograph=grey, evidence=full, likelihood=full / 4, aspect="crop")
        explanation = replace(explanation, attributes=dict.fromkeys(explanation.attributes, full))
        shown = panels(explanation, 1, None, longest=120)
        for panel in (shown.evidence, shown.likelihood, *shown.attributes):
            left, middle = panel.picture[:, :38].reshape(-1, 3), panel.picture[:, 42:78].reshape(-1, 3)
            assert {tuple(pixel) for pixel in left.tolist()} == {(100, 100, 100), (255, 255, 255)}
            assert (100, 100, 100) not in {tuple(pixel) for pixel in middle.tolist()}

    def test_the_crop_is_cut_and_framed_where_it_lies(self):
        photograph = np.zeros((100, 200, 3), dtype=np.uint8)
        photograph[20:60, 40:140] = 200
        shown = panels(explained(photograph=photograph), 0, Proposal(Box(40, 20, 140, 60), 1.0), longest=400)
        assert shown.crop.picture.shape == (80, 200, 3)
        # But for the rim, where enlargement mixes.
        assert (shown.crop.picture[3:-3, 3:-3] == 200).all()
        framed = shown.photograph.picture
        assert framed.shape == (200, 400, 3)
        assert framed[80, 84, 0] > framed[80, 84, 2]  # the frame
        assert (framed[60:100, 100:260] == 200).all()

    def test_pictures_are_no_larger_than_asked(self):
        shown = panels(explained((300, 700)), 3, None, longest=140)
        assert {panel.picture.shape for panel in (shown.photograph, shown.evidence, *shown.attributes)} == {
            (60, 140, 3)
        }


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "meta", "line", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("line", "path"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def html_of(*arguments, **options):
    return Sheet(*arguments, **options).html()


class TestHtml:
    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    def test_holds_all_and_asks_for_nothing(self, shape):
        explanation = explained(shape)
        text = html_of(explanation, "dunes.jpg", crop=CROP)
        page = Page(text)
        assert not page.open
        assert not re.search(r"https?:|//|@import|<script|<link|url\(", re.sub(r"base64,[^\"]+", "", text))
        assert {attributes["src"].split(",")[0] for attributes in page.of("img")} == {"data:image/jpeg;base64"}
        assert len(page.of("img")) == 7
        assert all(attributes["alt"] for attributes in page.of("img"))
        assert max(int(attributes["width"]) for attributes in page.of("img")) <= 900
        assert sentence(explanation) in page.text
        assert all(note in page.text for note in notes(explanation))
        assert "prefers-color-scheme: dark" in text
        assert "width=device-width" in text

    def test_escapes_captions_and_names(self):
        evil = '"><script>alert("&")</script>'
        verdict = VERDICT._replace(attributes={evil: 0.5}, attribute_logits={evil: 0.0})
        text = html_of(replace(explained(attributes=0), verdict=verdict, attributes={evil: EVIDENCE}), evil)
        assert "<script" not in text
        assert markup.unescape(text).count(evil) >= 3
        assert evil in Page(text).text

    def test_table_of_all_attributes(self):
        page = Page(html_of(explained(), attributes=1))
        cells = re.sub(r"\s+", " ", page.text[page.text.index("All 4 attributes") :])
        for row in (
            "Soft Light.88above−2.00",
            "bold.50above+1.00",
            "calm.73above+.50",
            "Complementary Colours.50below.00",
        ):
            assert row in cells
        assert len(page.of("tr")) == 5

    def test_without_effects_or_attributes(self):
        page = Page(html_of(explained(reference=None)))
        assert "part in the score" not in page.text
        assert "Soft Light.88" in page.text
        assert not page.of("svg")
        assert "attributes" not in Page(html_of(explained(attributes=0))).text

    def test_rating_then_place_then_purpose(self):
        text = Page(html_of(explained(objective=Score((0.0, 5.0), 3.0), trained_on="BIQ2021"))).text
        order = [text.index(words) for words in ("High", "3.75 on a scale", "Better than", "not beauty", "speaks most")]
        assert order == sorted(order)

    def test_rank_lies_where_the_score_lies(self):
        """Scores from −1 to 1: .75 at 87.5 % of the width."""
        page = Page(html_of(explained()))
        (mark,) = page.of("path")
        assert mark["d"].startswith("M 85.50 0")
        lines = page.of("line")
        assert len(lines) == 101
        assert [one["class"] for one in lines].count("high") == 50


class TestSheet:
    def test_is_saved_by_its_name(self, tmp_path):
        sheet = Sheet(explained(), "dunes", attributes=1)
        sheet.save(tmp_path / "new" / "why.png")
        sheet.save(str(tmp_path / "why.HTML"))
        with Image.open(tmp_path / "new" / "why.png") as picture:
            assert picture.width == 1500
            assert picture.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
        assert (tmp_path / "why.HTML").read_text() == sheet.html()

    def test_other_formats_are_refused(self, tmp_path):
        with pytest.raises(SheetError, match=r"^why\.pdf: a sheet is a page or a picture; let its name end in \.html"):
            Sheet(explained()).save(tmp_path / "why.pdf")

    def test_the_best_crop_unless_another_or_none(self):
        """Against in the left half: it is cut off."""
        explanation = explained(evidence=np.array([[-8.0, -8.0, 4.0, 4.0]], dtype=np.float32))
        assert f"keeps {percent(explanation.crops()[0].box.width / 120)} of the photograph" in html_of(explanation)
        assert f"keeps {percent(60 * 30 / (120 * 80))} of" in html_of(explanation, crop=CROP)
        assert "Suggested crop" not in html_of(explanation, crop=None)

    def test_a_notebook_shows_the_page_in_a_frame(self):
        """Whole, and so that no style of it gets out."""
        sheet = Sheet(explained(), 'a "name"')
        shown = Page(sheet._repr_html_())
        (frame,) = shown.tags
        assert not shown.open
        assert frame[0] == "iframe"
        assert frame[1]["srcdoc"] == sheet.html()


class TestContactSheet:
    def test_a_row_a_photograph_and_a_column_a_map(self, drawn, tmp_path):
        explanations = [explained(), explained((120, 80))]
        causes = [np.zeros(one.photograph.shape[:2], dtype=np.float32) for one in explanations]
        for name, attributes, known in (("one", 0, ()), ("two", 2, ()), ("three", 2, causes)):
            contact_sheet(explanations, ["a", "b"], tmp_path / "new" / f"{name}.png", attributes, known)
            assert (tmp_path / "new" / f"{name}.png").is_file()
        assert [len(figure.axes) for figure in drawn] == [4, 8, 10]
        assert [axes.get_title("left") for axes in drawn[2].axes[:5]] == [
            "a", "AesAM, score +.75", "what caused the rating", "Soft Light .88 (−2.00)", "bold .50 (+1.00)",
        ]  # fmt: skip
        assert "its part in the score" in drawn[2].get_suptitle()
        assert "its part in the score" not in drawn[0].get_suptitle()

    def test_a_rating_where_there_is_one(self, drawn, tmp_path):
        contact_sheet([explained(objective=Score((0.0, 5.0), 3.0))], ["a"], tmp_path / "a.png", attributes=0)
        assert drawn[0].axes[1].get_title("left") == "AesAM, rating 3.75"

    def test_one_scale_for_all_without_a_reference(self, drawn, tmp_path):
        grey = np.full((60, 60, 3), 100, dtype=np.uint8)
        strong = explained(reference=None, photograph=grey, evidence=np.full((3, 3), 2.0, dtype=np.float32))
        weak = replace(strong, evidence=strong.evidence / 4)
        contact_sheet([strong, weak], ["a", "b"], tmp_path / "sheet.png", attributes=0)
        red = [axes.images[0].get_array()[30, 30].astype(int) for axes in drawn[0].axes[1::2]]
        assert red[0][0] - red[0][2] > 2 * (red[1][0] - red[1][2]) > 0

    @pytest.mark.parametrize(("photographs", "captions", "causes"), [(0, 0, 0), (2, 1, 0), (2, 2, 1)])
    def test_what_does_not_go_together_is_refused(self, tmp_path, photographs, captions, causes):
        with pytest.raises(SheetError, match="a caption for each, and a cause for each or none"):
            contact_sheet([explained()] * photographs, ["a"] * captions, tmp_path / "x.png", 3, [EVIDENCE] * causes)
