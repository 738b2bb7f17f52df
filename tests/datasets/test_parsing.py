"""What readers share: every fault of a text file, a table or a folder, by name, line and next step."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awcu.datasets.parsing import (
    TextTable,
    as_spelt,
    fields_of,
    file_of,
    files_of,
    folder_of,
    lines_of,
    number,
    photographs_in,
    text_of,
)
from awcu.errors import SourceError
from awcu.text import shown, some_of


@pytest.fixture
def written(tmp_path):
    def write(content: bytes | str) -> Path:
        path = tmp_path / "list.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


class TestText:
    @pytest.mark.parametrize("content", [b"a\r\nb\r\n", b"\xef\xbb\xbfa\nb", b"a\rb", b" a \nb\n\n\n"])
    def test_ends_of_lines_blanks_and_a_mark_do_not_matter(self, written, content):
        assert lines_of(written(content)) == ["a", "b"]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", r"list\.csv is empty; fetch"),
            (b" \n\t\n", "is empty"),
            (b"a\nb\xff\n", r"list\.csv: line 2 is not UTF-8 text"),
        ],
    )
    def test_damage(self, written, content, message):
        with pytest.raises(SourceError, match=message):
            text_of(written(content))

    def test_no_file(self, tmp_path):
        with pytest.raises(SourceError, match=r"none\.csv does not exist; give the folder that holds 'none\.csv'"):
            text_of(tmp_path / "none.csv")

    def test_a_folder_is_no_file(self, tmp_path):
        with pytest.raises(SourceError, match=r"cannot be read \(Is a directory\)"):
            text_of(tmp_path)

    def test_fields(self):
        assert fields_of("1  2\t3", "x: line 1", "a b c") == ["1", "2", "3"]
        with pytest.raises(SourceError, match="x: line 1: '1 2' has 2 columns, expected a b c; correct the line"):
            fields_of("1 2", "x: line 1", "a b c")


class TestNumber:
    @pytest.mark.parametrize(("text", "value"), [("3", 3), ("-0.5", -0.5), ("1e2", 100), ("+7", 7)])
    def test_numbers(self, text, value):
        assert number(text, "here") == value

    @pytest.mark.parametrize("text", ["", "x", "1_000", "٣", "nan", "inf", "-inf", "1,5", "0x10"])
    def test_no_numbers(self, text):
        with pytest.raises(SourceError, match=r"^here: .* is not a number; correct it"):
            number(text, "here")

    @pytest.mark.parametrize("text", ["0.9", "5.1"])
    def test_out_of_range(self, text):
        with pytest.raises(SourceError, match=f"'{text}' is not a number from 1 to 5"):
            number(text, "here", 1, 5)

    def test_the_ends_are_in_range(self):
        assert [number(text, "here", 1, 5) for text in ("1", "5")] == [1, 5]


class TestTable:
    def test_columns_by_name_quotes_and_empty_lines(self, written):
        table = TextTable.read(written('name , score\n"a, b",1\n\nc, 2\n'), ["score", "name"])
        assert table.texts("name") == ["a, b", "c"]
        assert table.numbers("score").tolist() == [1, 2]
        assert [table.where(row).rpartition(" ")[2] for row in (0, 1)] == ["2", "4"]
        assert len(table) == 2

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("a,b\n1\n", r"line 2 has 1 cells, expected 2 \(a, b\); correct"),
            ("a,b,c,d,e,f\n1\n", r"expected 6 \(a, b, c, d, e, …\)"),
            ("a,b\n1,2,3\n", "line 2 has 3 cells"),
            ("a,b\n", "has a header and no rows"),
            ("a,c\n1,2\n", "line 1 has no column 'b', only 'a, c'; fetch"),
            ("a,b,a\n1,2,3\n", "column 'a' appears more than once"),
            ("a;b\n1;2\n", "line 1 is 'a;b', separated by semicolons; expected commas: fetch"),
            ("a\tb\n1\t2\n", "separated by tabs"),
            ('a,b\n1,"2\n', "line 2: unexpected end of data"),
        ],
    )
    def test_damage(self, written, content, message):
        with pytest.raises(SourceError, match=message):
            TextTable.read(written(content), ["a", "b"])

    def test_another_delimiter(self, written):
        assert TextTable.read(written("a=b\n1=2\n"), ["b"], delimiter="=").numbers("b").tolist() == [2]
        with pytest.raises(SourceError, match="separated by commas; expected equals signs"):
            TextTable.read(written("a,b\n1,2\n"), ["b"], delimiter="=")

    def test_an_empty_cell_and_a_word_for_a_number(self, written):
        table = TextTable.read(written("a,b\n ,x\n"), ["a", "b"])
        with pytest.raises(SourceError, match="line 2: column 'a' is empty"):
            table.texts("a")
        with pytest.raises(SourceError, match="line 2, b: 'x' is not a number"):
            table.numbers("b")

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(content=st.binary(max_size=60))
    def test_any_bytes_are_a_table_or_a_named_error(self, written, content):
        path = written(b"a,b\n" + content)
        try:
            table = TextTable.read(path, ["a", "b"])
        except SourceError as error:
            message = str(error)
        else:
            message = f"{path}" if all(len(row) == 2 for row in table.rows) else ""
        assert message.startswith(str(path))


class TestFolder:
    @pytest.mark.parametrize("nested", ["images", "images/images", "data/images"])
    def test_a_folder_that_is_nested_twice_is_found(self, tmp_path, nested):
        root = tmp_path / "data"
        (root / nested).mkdir(parents=True)
        assert folder_of(root, "set", "images") == root / nested

    def test_the_first_of_several(self, tmp_path):
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
        assert folder_of(tmp_path, "set", "none", "b", "a") == tmp_path / "b"

    @pytest.mark.parametrize(
        ("root", "message"),
        [
            (None, r"set: data\.root is not set; give"),
            ("/nowhere", "set: /nowhere is not a folder; give"),
            (".", "set: . has no folder images or image; unpack the data set there"),
        ],
    )
    def test_no_folder(self, tmp_path, monkeypatch, root, message):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SourceError, match=message):
            folder_of(root, "set", "images", "image")

    def test_a_file_below_a_folder_of_the_same_name(self, tmp_path):
        root = tmp_path / "data"
        (root / "data").mkdir(parents=True)
        assert file_of(root, "x.txt", "y.txt") == root / "x.txt"
        (root / "data" / "y.txt").touch()
        assert file_of(root, "x.txt", "y.txt") == root / "data" / "y.txt"


class TestPhotographs:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("a.jpg", "b.JPG", ".hidden.jpg", "notes.txt", "sub/c.png", "elsewhere/d.jpg"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    def test_paths_and_nothing_to_say(self, folder):
        paths, notes = photographs_in("set", folder, ["sub/c.png", "a.jpg", "b.JPG"])
        assert paths.tolist() == [f"{folder}{os.sep}{name}" for name in ("sub/c.png", "a.jpg", "b.JPG")]
        assert notes == ()

    def test_missing_and_surplus_ones(self, folder):
        _, notes = photographs_in("set", folder, ["a.jpg", "z.jpg"])
        assert notes == (
            f"1 photographs in {folder} are missing: z.jpg",
            f"1 photographs in {folder} have no rating: b.JPG",
        )

    def test_rated_ones_that_are_not_asked_for_are_not_surplus(self, folder):
        assert photographs_in("set", folder, ["a.jpg"], others=["b.JPG"])[1] == ()

    def test_a_name_in_other_case_is_found_and_counted_with_one_example(self, folder):
        paths, notes = photographs_in("set", folder, ["A.JPG", "sub/C.png", "b.JPG"])
        assert paths.tolist() == [f"{folder}{os.sep}{name}" for name in ("a.jpg", "sub/c.png", "b.JPG")]
        (note,) = notes
        assert note.startswith("2 photographs found in ")
        assert note.endswith("'a.jpg' for 'A.JPG'")

    def test_a_name_that_matches_exactly_is_not_taken_for_another(self, folder):
        (folder / "A.jpg").touch()
        if len(list(folder.glob("[aA].jpg"))) < 2:
            pytest.skip("this file system knows no case")
        paths, notes = photographs_in("set", folder, ["a.jpg", "A.jpg", "b.JPG"])
        assert [Path(path).name for path in paths] == ["a.jpg", "A.jpg", "b.JPG"]
        assert notes == ()
        paths, _ = photographs_in("set", folder, ["a.jpg", "a.JPG"])
        assert [Path(path).name for path in paths] == ["a.jpg", "A.jpg"], "the one that is left"

    @pytest.mark.parametrize(
        ("files", "there", "message"),
        [
            (
                ["x.jpg"],
                ["x.JPG", "X.jpg"],
                r"'x\.jpg' may be 'X\.jpg' and 'x\.JPG' in .*, which differ only in case; name",
            ),
            (["x.jpg", "X.jpg"], ["x.JPG"], r"'X\.jpg' and 'x\.jpg' may be 'x\.JPG' in"),
        ],
    )
    def test_a_name_that_may_be_either_is_refused(self, files, there, message):
        with pytest.raises(SourceError, match=message):
            as_spelt("set", Path("images"), files, frozenset(there))

    def test_each_folder_is_listed_once_and_no_file_is_asked_for(self, folder, monkeypatch):
        calls, scandir = [], os.scandir
        monkeypatch.setattr(os, "scandir", lambda path: calls.append(Path(path)) or scandir(path))
        monkeypatch.setattr(Path, "stat", lambda path: pytest.fail(f"{path} is asked for"))
        photographs_in("set", folder, ["a.jpg", "b.JPG", "B.jpg", "sub/c.png", "sub/none.png"])
        assert sorted(calls) == [folder, folder / "sub"]

    @pytest.mark.parametrize("files", [["z.jpg"], ["nowhere/z.jpg"], ["a.jpg/z.jpg"], ["a\0/z.jpg"], []])
    def test_none_at_all(self, folder, files):
        with pytest.raises(SourceError, match=rf"set: none of the {len(files)} photographs is in"):
            photographs_in("set", folder, files)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
    def test_a_folder_that_may_not_be_read(self, folder):
        (folder / "sub").chmod(0)
        with pytest.raises(SourceError, match="sub cannot be read"):
            list(files_of(folder, ["sub"]))


def test_names_are_cut_short():
    assert some_of(list("abcde")) == "a, b, c, d, e"
    assert some_of([*"abcde", *map(str, range(2000))]) == "a, b, c, d, e and 2,000 more"
    assert shown("x" * 100) == "'" + "x" * 56 + "..."
    assert shown("x" * 100, 200) == repr("x" * 100)
