import pytest

from awcu.models.purpose import purpose


def test_quality_is_not_beauty():
    assert "technical quality" in purpose("BIQ2021").model
    assert "not beauty" in purpose("BIQ2021").model


def test_rendered_scenes_are_no_photographs():
    assert "not for judging photographs" in purpose("gallery").model


@pytest.mark.parametrize("name", ["OASIS beauty", "CUHK-PQ", "BAID", "my holidays"])
def test_others_name_their_set(name):
    assert f"learned from {name}" in purpose(name).model


def test_a_set_that_is_not_known():
    assert purpose("").model == ""
    assert "my holidays" in purpose("my holidays").ratings
