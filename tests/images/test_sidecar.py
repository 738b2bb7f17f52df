"""Sidecars beside photographs: found, added to, and put back as they were."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from awcu.errors import XmpError
from awcu.images import xmp
from awcu.images.sidecar import Change, Known, apply, known, plan, take_back

EXIFTOOL = shutil.which("exiftool")
TAGGED = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="another program">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Label="Red"%s/>
 </rdf:RDF>
</x:xmpmeta>
"""


@pytest.fixture
def photograph(tmp_path):
    return save(tmp_path / "IMG.jpg")


def save(path, **options):
    Image.fromarray(np.full((8, 12, 3), 90, np.uint8)).save(path, **options)
    return path


def rated(photograph, stars, style="IMG.jpg.xmp"):
    """The sidecar with these stars, as `awcu score --xmp --write` leaves it."""
    (change,) = plan({photograph: stars}, style).changes
    apply(change)
    return change.sidecar


class TestPlan:
    @pytest.mark.parametrize(("style", "name"), [("IMG.jpg.xmp", "IMG.jpg.xmp"), ("IMG.xmp", "IMG.xmp")])
    def test_a_new_sidecar(self, photograph, style, name):
        sidecar = photograph.with_name(name)
        assert plan({photograph: 4}, style).changes == [Change(photograph, sidecar, 4)]
        assert not sidecar.exists(), "a plan writes nothing"
        assert plan({photograph: None}, style).changes == []

    @pytest.mark.parametrize("name", ["IMG.jpg.xmp", "IMG.xmp", "IMG.jpg.XMP", "IMG.XMP"])
    @pytest.mark.parametrize("style", ["IMG.jpg.xmp", "IMG.xmp"])
    def test_a_sidecar_of_either_name_is_found(self, photograph, name, style):
        sidecar = photograph.with_name(name)
        sidecar.write_bytes(TAGGED % b"")
        assert plan({photograph: 4}, style).changes == [Change(photograph, sidecar, 4)]
        sidecar.write_bytes(TAGGED % b' xmp:Rating="2"')
        found = plan({photograph: 4}, style)
        assert (found.changes, found.rated) == ([], {photograph: "2"})

    def test_with_both_it_is_the_one_asked_for(self, photograph):
        long, short = photograph.with_name("IMG.jpg.xmp"), photograph.with_name("IMG.xmp")
        for path in (long, short):
            path.write_bytes(TAGGED % b"")
        assert known(photograph, "IMG.jpg.xmp").sidecar == long
        assert known(photograph, "IMG.xmp").sidecar == short
        short.write_bytes(TAGGED % b' xmp:Rating="-1"')
        assert known(photograph, "IMG.jpg.xmp") == Known(long, "-1", None)

    def test_a_rating_in_the_photograph_counts(self, tmp_path):
        path = save(tmp_path / "a.jpg", xmp=TAGGED % b' xmp:Rating="1"')
        assert plan({path: 5}).rated == {path: "1"}

    def test_our_own_stars_follow_the_rank(self, photograph):
        rated(photograph, 4)
        assert plan({photograph: 4}).kept == [photograph]
        (change,) = plan({photograph: 2}).changes
        assert change.stars == 2
        apply(change)
        assert known(photograph).ours == 2
        (change,) = plan({photograph: None}).changes
        apply(change)
        assert not change.sidecar.exists()

    def test_stars_that_somebody_changed_or_took_off_stay(self, photograph):
        sidecar = rated(photograph, 4)
        ours = sidecar.read_bytes()
        sidecar.write_bytes(ours.replace(b'xmp:Rating="4"', b'xmp:Rating="1"'))
        assert plan({photograph: 5}).rated == {photograph: "1"}
        sidecar.write_bytes(ours.replace(b' xmp:Rating="4"', b""))
        assert plan({photograph: 5}).rated == {photograph: "0"}

    def test_a_damaged_sidecar_is_named_and_left(self, photograph):
        sidecar = photograph.with_name("IMG.jpg.xmp")
        sidecar.write_bytes(b"<x:xmpmeta")
        found = plan({photograph: 4})
        assert found.changes == []
        assert found.faults[photograph].startswith(f"{sidecar}: is damaged (")
        with pytest.raises(XmpError, match=r"IMG\.jpg\.xmp: is damaged"):
            apply(Change(photograph, sidecar, 4))
        with pytest.raises(XmpError, match=r"IMG\.jpg\.xmp: is damaged"):
            take_back(photograph)
        assert sidecar.read_bytes() == b"<x:xmpmeta"

    def test_a_huge_sidecar_is_not_read(self, photograph, monkeypatch):
        monkeypatch.setattr(xmp, "MAX_PACKET", 10)
        photograph.with_name("IMG.jpg.xmp").write_bytes(TAGGED % b"")
        with pytest.raises(XmpError, match=r"more than 0\.0 kB, and is left untouched"):
            known(photograph)

    def test_damaged_xmp_in_the_photograph(self, tmp_path):
        path = save(tmp_path / "a.jpg", xmp=b"<x:xmpmeta")
        assert plan({path: 4}).faults[path].startswith(f"{path}: is damaged (")

    def test_two_photographs_of_one_sidecar_are_left_alone(self, photograph):
        other = save(photograph.with_suffix(".png"))
        assert len(plan({photograph: 5, other: 3}).changes) == 2
        found = plan({photograph: 5, other: 3}, "IMG.xmp")
        assert found.changes == []
        assert found.faults[other] == f"{other}: shares IMG.xmp with another photograph and is left alone"


class TestThereAndBack:
    def test_a_sidecar_of_ours_is_gone(self, photograph):
        sidecar = rated(photograph, 5)
        assert xmp.rating(sidecar.read_bytes()) == "5"
        assert take_back(photograph) == [sidecar]
        assert sorted(photograph.parent.iterdir()) == [photograph]
        assert take_back(photograph) == []

    def test_another_programs_is_as_it_was(self, photograph):
        sidecar = photograph.with_name("IMG.xmp")
        sidecar.write_bytes(TAGGED % b' xmp:Rating="0"')
        sidecar.chmod(0o640)
        assert rated(photograph, -1) == sidecar
        assert b'xmp:Rating="-1"' in sidecar.read_bytes()
        assert sidecar.stat().st_mode & 0o777 == 0o640
        assert take_back(photograph) == [sidecar]
        assert sidecar.read_bytes() == TAGGED % b' xmp:Rating="0"'

    def test_a_link_stays_one(self, photograph, tmp_path):
        kept = tmp_path / "kept"
        kept.mkdir()
        (kept / "a").write_bytes(TAGGED % b"")
        sidecar = photograph.with_name("IMG.jpg.xmp")
        sidecar.symlink_to(kept / "a")
        rated(photograph, 3)
        assert sidecar.is_symlink()
        assert xmp.rating((kept / "a").read_bytes()) == "3"

    def test_rated_meanwhile(self, photograph):
        (change,) = plan({photograph: 4}).changes
        change.sidecar.write_bytes(TAGGED % b' xmp:Rating="1"')
        with pytest.raises(XmpError, match=r"IMG\.jpg\.xmp: has the rating 1 already, which stays"):
            apply(change)


def exiftool(*arguments):
    done = subprocess.run([EXIFTOOL, *map(str, arguments)], capture_output=True, text=True, check=True)
    assert "Warning" not in done.stderr
    return done.stdout


def seen(path):
    """What exiftool reads in a sidecar, by group and name."""
    (found,) = json.loads(exiftool("-j", "-G1", "-validate", "-XMP:all", path))
    return found


@pytest.mark.exiftool
@pytest.mark.skipif(EXIFTOOL is None, reason="needs Debian's libimage-exiftool-perl")
class TestExiftool:
    @pytest.mark.parametrize("style", ["IMG.jpg.xmp", "IMG.xmp"])
    @pytest.mark.parametrize("stars", [-1, 1, 5])
    def test_it_reads_our_stars(self, photograph, style, stars):
        found = seen(rated(photograph, stars, style))
        assert found["XMP-xmp:Rating"] == stars
        assert found["XMP-awcu:Stars"] == stars

    def test_what_it_wrote_stays(self, photograph):
        sidecar = photograph.with_name("IMG.jpg.xmp")
        exiftool("-XMP-dc:Title=At sea", "-XMP-dc:Subject=boat", "-XMP-dc:Subject=sea", "-o", sidecar, photograph)
        before, content = seen(sidecar), sidecar.read_bytes()
        rated(photograph, 4)
        assert seen(sidecar) == before | {"XMP-xmp:Rating": 4, "XMP-awcu:Stars": 4}
        take_back(photograph)
        assert sidecar.read_bytes() == content

    def test_its_stars_survive(self, photograph):
        sidecar = photograph.with_name("IMG.jpg.xmp")
        exiftool("-XMP-xmp:Rating=2", "-o", sidecar, photograph)
        assert plan({photograph: 5}).rated == {photograph: "2"}

    def test_what_it_adds_to_ours_survives_the_undoing(self, photograph):
        sidecar = rated(photograph, 4)
        exiftool("-q", "-overwrite_original", "-XMP-dc:Title=At sea", sidecar)
        assert known(photograph).ours == 4
        take_back(photograph)
        left = {name: value for name, value in seen(sidecar).items() if name.startswith("XMP")}
        assert {name: value for name, value in left.items() if "XMPToolkit" not in name} == {"XMP-dc:Title": "At sea"}
