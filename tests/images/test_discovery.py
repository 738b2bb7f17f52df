"""Photographs are found wherever they are named, named apart, and read ahead in order."""

import os
import threading
import time

import pytest
from PIL import Image

from awcu.errors import ImageError, PhotographsError
from awcu.images.discovery import distinct_names, find, read_ahead


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Files by the names below; what is no photograph by its name need not be one."""
    for name in (
        *("b.jpg", "a.PNG", "notes.txt", "raw", "page.pdf", "figure.eps"),
        *("deep/er/c.webp", "deep/d.jpeg", ".hidden/e.jpg", "deep/.f.jpg", "[1].jpg", "empty/readme.md"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(path, "PNG")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(paths, root):
    return [path.resolve().relative_to(root).as_posix() for path in paths]


ALL = ["[1].jpg", "a.PNG", "b.jpg", "deep/d.jpeg", "deep/er/c.webp"]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["."], ALL),
        (["deep"], ["deep/d.jpeg", "deep/er/c.webp"]),
        (["*.jpg"], ["[1].jpg", "b.jpg"]),
        (["**/*"], ALL),
        (["d*/**/*.webp"], ["deep/er/c.webp"]),
        (["raw"], ["raw"]),
        (["notes.txt", "b.jpg"], ["b.jpg", "notes.txt"]),
        ([".hidden/e.jpg"], [".hidden/e.jpg"]),
        (["[1].jpg"], ["[1].jpg"]),
        (["b.jpg", "./b.jpg", "deep/../b.jpg", "b.*", "."], ALL),
    ],
    ids=[
        *("folder", "folder below", "pattern", "every file", "deep pattern", "no ending", "any ending", "hidden"),
        *("a name that could be a pattern", "five times"),
    ],
)
def test_find(tree, sources, expected):
    assert names(find(sources), tree) == expected


def test_find_keeps_the_path_as_it_was_named(tree):
    assert [str(path) for path in find(["deep/er"])] == ["deep/er/c.webp"]
    assert [str(path) for path in find([str(tree / "deep/er/*")])] == [str(tree / "deep/er/c.webp")]


def test_find_takes_a_linked_photograph_once_and_follows_no_linked_folder(tree):
    (tree / "deep" / "again.jpg").symlink_to(tree / "b.jpg")
    (tree / "deep" / "round").symlink_to(tree)
    assert names(find(["deep", "b.jpg"]), tree) == ["b.jpg", "deep/d.jpeg", "deep/er/c.webp"]


def test_find_waits_for_no_pipe(tree):
    os.mkfifo(tree / "deep" / "pipe.jpg")
    assert len(find(["deep"])) == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "^nowhere: no such file or folder; check the spelling"),
        ("nowhere/b.jpg", "^nowhere/b.jpg: no such file or folder"),
        ("empty", "^empty: a folder without photographs; name one that holds JPEG"),
        ("*.gif", r"^\*\.gif: no photograph matches; check the pattern"),
        ("*.txt", r"^\*\.txt: no photograph matches"),
    ],
)
def test_find_names_what_holds_no_photograph(tree, source, message):
    with pytest.raises(PhotographsError, match=message):
        find(["b.jpg", source])


def test_find_says_which_folder_may_not_be_listed(tree, monkeypatch):
    listed = os.scandir

    def refuse(folder):
        if str(folder).endswith("er"):
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="deep/er"):
        find(["deep"])


@pytest.mark.parametrize(
    ("photographs", "expected"),
    [
        (["p/a.jpg"], ["a"]),
        (["p/a.jpg", "p/b.jpg"], ["a", "b"]),
        (["p/a.jpg", "p/q/a.jpg"], ["a", "q/a"]),
        (["p/a.jpg", "q/a.jpg"], ["p/a", "q/a"]),
        (["p/a.jpg", "p/a.png", "p/b.png"], ["a.jpg", "a.png", "b"]),
        (["p/A.jpg", "p/a.png"], ["A.jpg", "a.png"]),
        (["p/a.jpg", "p/a.png", "p/a.jpg.tif"], ["a.jpg", "a.png", "a.jpg (2)"]),
        (["p/../q/a.1.jpg", "q/b"], ["a.1", "b"]),
        (["p/.a"], [".a"]),
    ],
)
def test_distinct_names(tmp_path, monkeypatch, photographs, expected):
    monkeypatch.chdir(tmp_path)
    assert [name.as_posix() for name in distinct_names([tmp_path / one for one in photographs])] == expected
    assert [name.as_posix() for name in distinct_names([type(tmp_path)(one) for one in photographs])] == expected


class TestReadAhead:
    def test_in_order_whoever_is_first(self, tmp_path):
        paths = [tmp_path / str(i) for i in range(20)]

        def slow_at_first(path):
            time.sleep(0.02 if int(path.name) % 4 == 0 else 0)
            return int(path.name)

        assert list(read_ahead(paths, slow_at_first, 5)) == [(path, int(path.name)) for path in paths]

    @pytest.mark.parametrize("ahead", [1, 3, 8])
    def test_never_more_than_asked_for(self, tmp_path, ahead):
        lock, started, seen, most = threading.Lock(), 0, 0, 0

        def count(path):
            nonlocal started, most
            with lock:
                started += 1
                most = max(most, started - seen)

        for _ in read_ahead([tmp_path / str(i) for i in range(30)], count, ahead):
            time.sleep(0.001)
            with lock:
                seen += 1
        assert started == seen == 30
        # The one in the consumer's hands is not among those ahead of it.
        assert most <= ahead + 1

    def test_failures_are_values(self, tmp_path):
        def odd_only(path):
            if int(path.name) % 2 == 0:
                raise ImageError(f"{path.name} is even")
            return int(path.name)

        results = [result for _, result in read_ahead([tmp_path / str(i) for i in range(6)], odd_only, 3)]
        assert results[1::2] == [1, 3, 5]
        assert [str(error) for error in results[::2]] == ["0 is even", "2 is even", "4 is even"]

    def test_other_errors_are_not(self, tmp_path):
        with pytest.raises(ZeroDivisionError):
            list(read_ahead([tmp_path], lambda path: 1 / 0, 3))

    def test_threads_end_when_nobody_reads_on(self, tmp_path):
        before, prepared = threading.active_count(), []
        reading = read_ahead([tmp_path / str(i) for i in range(1000)], prepared.append, 4)
        next(reading)
        reading.close()
        assert threading.active_count() == before
        assert len(prepared) <= 5

    def test_nothing_to_read(self):
        assert list(read_ahead([], str, 4)) == []
