"""How things are printed."""

from awcu.text import markdown_table


def test_markdown_table():
    found = markdown_table(["", "a|b"], [["x", "1"], ["y", "2"]], "lr")
    assert found == "|  | a\\|b |\n| :-- | --: |\n| x | 1 |\n| y | 2 |"
