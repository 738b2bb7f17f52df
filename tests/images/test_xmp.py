"""Ratings in XMP packets, as several programs write them; all else stays byte for byte."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from awcu.errors import XmpError
from awcu.images.xmp import EMPTY, OURS, XMP, marked, our_rating, rating, with_rating, without_rating

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
ATTRIBUTES = b"""<?xpacket begin='\xef\xbb\xbf' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x='adobe:ns:meta/'>
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about='of "this"' xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmp:Label="a > b"%s>
   <!-- mine --><dc:subject xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
ELEMENTS = b"""<R:RDF xmlns:R="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<R:Description R:about=""/>
<R:Description R:about="" xmlns:xap="http://ns.adobe.com/xap/1.0/"><xap:Label>Red</xap:Label>%s</R:Description>
</R:RDF>"""
BARE = b"""<RDF xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><Description about="">%s</Description></RDF>"""


def properties(packet):
    """Every simple property by name, by the standard library."""
    found = {}
    for description in ElementTree.fromstring(packet).iter(f"{{{RDF}}}Description"):
        found |= {name: value for name, value in description.attrib.items() if RDF not in name}
        found |= {child.tag: child.text for child in description}
    return found


class TestRead:
    @pytest.mark.parametrize("value", ["1", "5", "-1", "3.5", "many"])
    def test_wherever_it_is(self, value):
        text = value.encode()
        assert rating(ATTRIBUTES % b" xmp:Rating = '%s'" % text) == value
        assert rating(ELEMENTS % b"<xap:Rating>%s<!-- stars --></xap:Rating>" % text) == value
        assert rating(BARE % b'<Rating xmlns="http://ns.adobe.com/xap/1.0/">%s</Rating>' % text) == value
        assert rating((ATTRIBUTES % b" xmp:Rating='%s'" % text) + b"\0" * 4) == value

    @pytest.mark.parametrize("value", [b"", b"0", b"0.0", b" "])
    def test_zero_is_unrated(self, value):
        assert rating(ATTRIBUTES % b' xmp:Rating="%s"' % value) is None
        assert rating(ATTRIBUTES % b"") is None
        assert rating(EMPTY) is None

    def test_windows_rating_counts(self):
        windows = b' xmlns:m="http://ns.microsoft.com/photo/1.0/" m:Rating="75" xmp:Rating="0"'
        assert rating(ATTRIBUTES % windows) == "75"

    def test_another_namespace_is_another_rating(self):
        assert rating(ATTRIBUTES % b' xmlns:y="http://example.org/" y:Rating="4"') is None

    @pytest.mark.parametrize(
        ("packet", "message"),
        [
            (b"", r"is damaged \(no element found"),
            (ATTRIBUTES[:300], r"is damaged \("),
            (ATTRIBUTES % b' xmp:Rating="1" xmp:Rating="2"', "duplicate attribute"),
            (EMPTY.decode().encode("utf-16"), r"is not in UTF-8 \(byte 0\)"),
            (b"<html><body/></html>", "is XML but not XMP"),
            (b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>', "is XML but not XMP"),
            (BARE % b'<Rating xmlns="http://ns.adobe.com/xap/1.0/"/>', "a rating of an unknown kind"),
            (ELEMENTS % b"<xap:Rating><R:Bag/></xap:Rating>", "a rating of an unknown kind"),
            (BARE.replace(b"Description", b"Thing") % b"", "RDF of an unknown kind"),
        ],
    )
    def test_what_is_damaged_or_not_xmp(self, packet, message):
        for use in (rating, our_rating, without_rating, lambda packet: with_rating(packet, 3)):
            with pytest.raises(XmpError, match=message):
                use(packet)

    @pytest.mark.timeout(20)
    def test_no_entity_is_expanded(self):
        one = b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(12))
        bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + one + b"]>" + (BARE % b"&m;")
        file = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + (BARE % b"&a;")
        for packet in (bomb, file, b'<!DOCTYPE x SYSTEM "http://example.org/a.dtd">' + EMPTY[39:]):
            with pytest.raises(XmpError, match="has a DTD"):
                rating(packet)


OTHERS = {
    "attributes": ATTRIBUTES % b"",
    "elements": ELEMENTS % b"",
    "bare": BARE % b'<a xmlns="urn:a">1</a>',
    "new": EMPTY,
    "unrated": ATTRIBUTES % b" xmp:Rating = '0'",
    "unrated element": ELEMENTS % b"<xap:Rating> 0 </xap:Rating>",
    "byte order mark": b"\xef\xbb\xbf" + EMPTY,
}


@pytest.mark.parametrize("packet", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("stars", [-1, 0, 5])
def test_there_and_back(packet, stars):
    rated = with_rating(packet, stars)
    assert rating(rated) == (str(stars) if stars else None)
    assert our_rating(rated) == str(stars)
    assert marked(rated)
    assert not marked(packet)
    assert without_rating(rated) == packet
    before, after = properties(packet), properties(rated)
    assert after[f"{{{XMP}}}Rating"] == str(stars)
    assert {name: value for name, value in after.items() if "Rating" not in name and OURS not in name} == {
        name: value for name, value in before.items() if "Rating" not in name
    }


def test_the_subject_of_all_descriptions_is_one():
    rated = with_rating(ATTRIBUTES % b"", 4)
    assert set(re.findall(rb"rdf:about=(.*?) xmlns", rated)) == {b"""'of "this"'"""}


def test_a_rating_that_is_there_is_never_changed():
    for stars in (b"3", b"-1", b"x"):
        with pytest.raises(XmpError, match=r"has the rating .* already, which stays"):
            with_rating(ATTRIBUTES % b' xmp:Rating="%s"' % stars, 5)


def test_a_rating_changed_since_stays_when_ours_is_taken_back():
    changed = with_rating(ATTRIBUTES % b"", 4).replace(b'xmp:Rating="4"', b'xmp:Rating="2"')
    assert our_rating(changed) is None
    assert marked(changed)
    assert rating(without_rating(changed)) == "2"
    assert not marked(without_rating(changed))


@pytest.mark.parametrize("before", [b"", b' o:Before="0"'])
def test_written_anew_by_another_program(before):
    """All in one description, in other places, and with a property of its own."""
    ours = b' xmp:Rating="4" xmlns:o="urn:x-awcu:xmp:1.0/" o:Stars="4"' + before
    expected = b' xmp:Rating="0"' if before else b""
    assert without_rating(ATTRIBUTES % ours) == ATTRIBUTES % (expected + b' xmlns:o="urn:x-awcu:xmp:1.0/"')
    element = b'<xap:Rating>4</xap:Rating><o:Stars xmlns:o="urn:x-awcu:xmp:1.0/">4</o:Stars>'
    assert without_rating(ELEMENTS % element) == ELEMENTS % b""


@pytest.mark.timeout(60)
def test_deep_nesting_is_read_in_a_moment():
    deep = b"<a>" * 200_000 + b"</a>" * 200_000
    assert rating(BARE % deep) is None
    with pytest.raises(XmpError, match="is XML but not XMP"):
        rating(deep)
