"""One picture under two names is told from another picture."""

import cv2
import numpy as np
import pytest

from awcu.images.likeness import ALIKE, KEPT, SAME, SIDE, first_alike, likeness, look, outline


@pytest.fixture(scope="module")
def scene():
    """A scene of smooth blobs, as `(seed) -> (240, 320, 3)` uint8."""

    def make(seed):
        coarse = np.random.default_rng(seed).uniform(0, 255, (6, 8, 3)).astype(np.float32)
        return cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)

    return make


def differing(one, other):
    return np.bitwise_count(np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)).sum()


def test_by_its_definition(scene):
    """Against the cosine transform as a sum."""
    grey = cv2.cvtColor(cv2.resize(scene(0), (SIDE, SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    frequency, place = np.arange(KEPT)[:, None], np.arange(SIDE)
    waves = np.cos(np.pi * (place + 0.5) * frequency / SIDE) * np.where(frequency == 0, np.sqrt(0.5), 1)
    low = waves @ grey.astype(np.float64) @ waves.T
    bits = np.unpackbits(np.frombuffer(look(scene(0)), np.uint8)).reshape(KEPT, KEPT)
    sure = np.abs(low - np.median(low)) > 1e-2
    assert sure.sum() > 0.9 * sure.size
    np.testing.assert_array_equal(bits.astype(bool)[sure], (low > np.median(low))[sure])


def test_saved_anew_it_is_the_same():
    """A scene with detail, or the rounding of what is not there would decide."""
    rng = np.random.default_rng(3)
    fine = cv2.resize(rng.uniform(0, 255, (60, 80, 3)).astype(np.float32), (320, 240)).clip(0, 255).astype(np.uint8)
    smaller = cv2.resize(fine, (213, 160), interpolation=cv2.INTER_AREA)
    saved = cv2.imdecode(cv2.imencode(".jpg", fine, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    for again in (smaller, saved):
        assert differing(look(fine), look(again)) <= SAME


def test_other_scenes_are_not(scene):
    looks = [look(scene(seed)) for seed in range(8)]
    assert first_alike(looks).tolist() == list(range(8))


def test_blank_pictures_are_like_nothing():
    assert look(np.full((50, 60, 3), 7, np.uint8)) is None
    assert first_alike([None, None]).tolist() == [0, 1]
    assert first_alike([]).tolist() == []


def flipped(hashed, *bits):
    changed = np.unpackbits(np.frombuffer(hashed, np.uint8))
    changed[list(bits)] ^= 1
    return np.packbits(changed).tobytes()


def test_as_many_bits_as_one_picture_may_differ():
    one = np.random.default_rng(0).bytes(32)
    # Spread over the parts in which equal ones are sought, as badly as can be.
    near, far = flipped(one, *range(SAME)), flipped(one, *range(SAME + 1))
    assert first_alike([one, near]).tolist() == [0, 0]
    assert first_alike([one, far]).tolist() == [0, 1]
    # By way of the one between.
    assert first_alike([None, far, one, near]).tolist() == [0, 1, 1, 1]


def test_as_comparing_every_pair():
    rng = np.random.default_rng(1)
    bases = [rng.bytes(32) for _ in range(20)]
    looks = [flipped(bases[rng.integers(20)], *rng.choice(256, rng.integers(7), replace=False)) for _ in range(200)]
    first = first_alike(looks)
    for row in range(200):
        like = [other for other in range(200) if differing(looks[row], looks[other]) <= SAME]
        assert first[row] == first[like].min() == first[like].max()


class TestLikeness:
    @pytest.mark.parametrize(
        "copy",
        [
            lambda pixels: pixels,
            lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 5),
            lambda pixels: pixels // 2,
            lambda pixels: pixels[:-24, 32:],  # shifted by a tenth
            lambda pixels: pixels[24:-24, 32:-32],  # cut to its inner 80 %
            lambda pixels: cv2.resize(pixels, (1600, 1200)),
        ],
    )
    def test_one_scene(self, scene, copy):
        for seed in range(10):
            one, other = outline(scene(seed)), outline(np.ascontiguousarray(copy(scene(seed))))
            assert likeness(one, other) == likeness(other, one) > ALIKE

    def test_another_scene(self, scene):
        outlines = [outline(scene(seed)) for seed in range(12)]
        assert max(likeness(a, b) for place, a in enumerate(outlines) for b in outlines[:place]) < ALIKE

    def test_what_cannot_be_compared_is_not_alike(self, scene):
        blank = outline(np.full((240, 320, 3), 90, np.uint8))
        assert likeness(blank, blank) == 0
        upright = outline(np.ascontiguousarray(np.rot90(scene(0))))
        assert likeness(outline(scene(0)), upright) == 0
        strip = outline(cv2.resize(scene(0), (320, 40)))
        assert likeness(strip, strip) == 0
        rim = np.full((240, 320, 3), 90, np.uint8)
        rim[:20] = 96
        assert likeness(outline(rim), outline(rim)) == 0

    def test_at_most_one(self, scene):
        assert likeness(outline(scene(0)), outline(scene(0))) == pytest.approx(1, abs=1e-5)
