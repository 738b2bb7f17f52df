"""Every data set has a sentence, and a model of none says nothing."""

from awcu.models.purpose import purpose


def test_by_the_name_of_the_data():
    assert "not for judging photographs" in purpose("gallery")
    assert "beauty" in purpose("BIQ2021")
    assert "ratings of my set" in purpose("my set")
    assert purpose("") == ""
