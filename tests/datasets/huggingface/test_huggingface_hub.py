"""Repositories against a small server of our own; the Hub itself is asked by one test, which is marked."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from local_server import Answering, Local
from published_layouts import huggingface as distributed
from published_layouts.huggingface import photograph

from awcu.datasets.huggingface import hub
from awcu.datasets.huggingface.hub import download
from awcu.datasets.huggingface.reading import read
from awcu.errors import SourceError

COMMIT, LATER = "a" * 40, "b" * 40
BY_VOTES = {"scale": range(1, 11), "midpoint": 5, "vote_column": "rating_counts", "repository": "user/name"}
BY_SCORE = {"scale": (0, 10), "midpoint": 5, "score_column": "score", "id_column": "name", "repository": "user/name"}


class Server(Local):
    """What the client needs of the Hub for one data set, `user/name`, kept in memory."""

    def __init__(self):
        super().__init__(Handler)
        self.commit, self.files, self.broken, self.asked = COMMIT, {}, set(), []


class Handler(Answering):
    def do_GET(self):  # noqa: N802, http.server calls it by this name
        server, files = self.server, self.server.files
        server.asked.append(f"{self.command} {self.path}")
        api, path = "/api/datasets/user/name", self.path.replace("/resolve/main/", f"/resolve/{server.commit}/")
        resolve = f"/datasets/user/name/resolve/{server.commit}/"
        if self.path in (f"{api}/revision/main", f"{api}/revision/v1"):
            self.answer({"id": "user/name", "sha": server.commit, "siblings": []})
        elif self.path.startswith(f"{api}/tree/{server.commit}"):
            self.answer([{"type": "file", "path": n, "size": len(c), "oid": "c" * 40} for n, c in files.items()])
        elif path.removeprefix(resolve) in server.broken:
            self.answer({"error": "broken"}, 400)
        elif path.startswith(resolve):
            name = path.removeprefix(resolve)
            self.answer(files[name], ETag=f'"{name.replace("/", "-")}-{len(files[name])}"', X_Repo_Commit=server.commit)
        elif self.path.startswith("/api/datasets/user/gated"):
            self.answer({"error": "gated"}, 403, X_Error_Code="GatedRepo")
        elif self.path.startswith(f"{api}/revision"):
            self.answer({"error": "none"}, 404, X_Error_Code="RevisionNotFound")
        else:
            self.answer({"error": "none"}, 404, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """The Hub client's and our own cache, empty."""
    pytest.importorskip("datasets")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(hub.platformdirs, "user_cache_dir", lambda name: str(tmp_path / name))
    return tmp_path


@pytest.fixture
def server(monkeypatch, cache):
    from huggingface_hub import constants

    started = Server()
    monkeypatch.setattr(constants, "ENDPOINT", started.address)
    template = f"{started.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    yield started
    started.shutdown()
    started.server_close()


@pytest.fixture
def shards(server, tmp_path):
    """The Parquet copy on the server, with a card."""
    distributed.write(tmp_path / "copy")
    for path in sorted((tmp_path / "copy").rglob("*.parquet")):
        server.files[path.relative_to(tmp_path / "copy").as_posix()] = path.read_bytes()
    splits = "".join(f"  - split: {name}\n    path: data/{name}-*\n" for name in ("train", "validation", "test"))
    server.files["README.md"] = f"---\nconfigs:\n- config_name: default\n  data_files:\n{splits}---\n".encode()
    return server.files


def test_a_repository_comes_down_and_is_read_without_the_network(server, shards, cache, monkeypatch):
    snapshot = download("user/name")
    assert snapshot.name == COMMIT
    server.asked.clear()
    monkeypatch.setattr(socket.socket, "connect", lambda *address: pytest.fail(f"connects to {address}"))
    ratings = read(**BY_VOTES)
    assert server.asked == []
    assert ratings.name == "user/name"
    assert ratings.notes == (f"read from user/name at commit {COMMIT}",)
    places = dict(zip(ratings.image_ids.tolist(), ratings.split.tolist(), strict=True))
    assert [places[str(number)] for number in (1000, 1023, 1024, 1031, 1032, 1039)] == [
        "train", "train", "val", "val", "test", "test",
    ]  # fmt: skip
    assert ratings.votes[ratings.image_ids == "1000"].tolist() == [[1, 4, 10, 30, 30, 15, 6, 3, 1, 0]]
    for image_id, path in zip(ratings.image_ids.tolist(), ratings.image_paths.tolist(), strict=True):
        assert Path(path).is_relative_to(cache / "awcu" / "huggingface")
        assert Path(path).read_bytes() == photograph(int(image_id) - 1000)


def test_photographs_go_where_the_user_says(shards, tmp_path):
    download("user/name")
    ratings = read(tmp_path / "mine", **BY_VOTES)
    assert Path(str(ratings.image_paths[0])).parents[2] == tmp_path / "mine"


def test_a_tag_is_fetched_and_noted(server, shards):
    download("user/name", "v1")
    assert any("/revision/v1" in path for path in server.asked)
    assert read(**BY_VOTES, revision="v1").notes == (f"read from user/name@v1 at commit {COMMIT}",)
    with pytest.raises(SourceError, match="user/name is not on this machine"):
        read(**BY_VOTES)


def test_what_is_not_fetched_is_not_fetched_by_reading(server, shards):
    with pytest.raises(
        SourceError, match=r"^user/name is not on this machine; fetch it by awcu prepare --download dat"
    ):
        read(**BY_VOTES)
    assert server.asked == []


def test_an_interrupted_download_is_not_read_and_goes_on_later(server, shards):
    server.broken = {"data/train-00001-of-00002.parquet"}
    with pytest.raises(SourceError, match=r"cannot be fetched .*run again, what has come is kept"):
        download("user/name")
    with pytest.raises(SourceError, match="is not on this machine"):
        read(**BY_VOTES)
    server.broken = set()
    server.asked.clear()
    download("user/name")
    fetched = [path for path in server.asked if path.startswith("GET /datasets/") and path.endswith("parquet")]
    assert [path.rpartition("/")[2] for path in fetched] == ["train-00001-of-00002.parquet"]
    assert len(read(**BY_VOTES)) == 40


def test_one_file_fetched_by_other_means_is_no_data_set(shards):
    from huggingface_hub import hf_hub_download

    hf_hub_download("user/name", "data/train-00000-of-00002.parquet", repo_type="dataset")
    with pytest.raises(SourceError, match="is not on this machine"):
        read(**BY_VOTES)


def test_a_later_read_needs_neither_datasets_nor_the_fetched_files(shards, cache):
    download("user/name")
    before = read(cache / "mine", **BY_VOTES)
    # None among the loaded modules is what cannot be imported.
    code = (
        "import sys; sys.modules['datasets'] = None; from awcu.datasets.huggingface import read;"
        f"r = read({str(cache / 'mine')!r}, scale=range(1, 11), midpoint=5, vote_column='rating_counts',"
        "repository='user/name'); print(r.fingerprint, r.split_fingerprint, r.notes[0])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split(maxsplit=2) == [before.fingerprint, before.split_fingerprint, before.notes[0] + "\n"]


def test_a_later_read_does_not_import_datasets(shards, monkeypatch):
    download("user/name")
    before = read(**BY_VOTES)
    monkeypatch.setattr(hub, "import_module", lambda name: pytest.fail(f"imports {name}"))
    assert read(**BY_VOTES).fingerprint == before.fingerprint


def test_a_branch_that_moved_on_is_not_read_in_silence(server, shards):
    download("user/name")
    read(**BY_VOTES)
    server.commit = LATER
    assert download("user/name").name == LATER
    with pytest.raises(SourceError, match=r"was unpacked before user/name changed; delete that folder and read again"):
        read(**BY_VOTES)
    assert read(**BY_VOTES, revision=COMMIT).notes == (f"read from user/name@{COMMIT} at commit {COMMIT}",)


# Other formats.


def test_a_folder_of_images_is_read_through_datasets(server):
    lines = [{"file_name": f"{number}.jpg", "name": f"p{number}", "score": 3 + number} for number in range(6)]
    server.files["train/metadata.jsonl"] = "\n".join(map(json.dumps, lines)).encode()
    server.files |= {f"train/{number}.jpg": photograph(number) for number in range(6)}
    download("user/name")
    ratings = read(**BY_SCORE, val=0, test=0)
    assert ratings.image_ids.tolist() == [f"p{number}" for number in range(6)]
    assert ratings.mean_score.tolist() == [3, 4, 5, 6, 7, 8]
    assert [Path(path).read_bytes() for path in ratings.image_paths] == [photograph(number) for number in range(6)]
    with pytest.raises(SourceError, match=r"user/name: train has no column 'votes', only 'image, name, score'"):
        read(**BY_SCORE | {"score_column": "votes"})


def test_a_path_that_leads_out_of_the_repository_is_no_photograph(server, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"\xff\xd8\xffsecret")
    line = {"name": "a", "score": 3, "image": {"path": str(tmp_path / "secret.jpg"), "bytes": None}}
    server.files["train.jsonl"] = json.dumps(line).encode()
    download("user/name")
    with pytest.raises(SourceError, match=r"user/name: train: row 1, image: \{.* holds no bytes of an image"):
        read(**BY_SCORE)


TWO_SUBSETS = b"""---
configs:
- {config_name: a, data_files: a.csv}
- {config_name: b, data_files: b.csv}
---
"""


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"README.md": b"words"}, r"user/name cannot be opened \(.*\); fetch its Parquet files yourself and name them"),
        ({"name.py": b"raise SystemExit", "data.pkl": b"0"}, "user/name cannot be opened"),
        (
            {"README.md": TWO_SUBSETS, "a.csv": b"x\n1\n", "b.csv": b"x\n1\n"},
            r"user/name cannot be opened \(ValueError: Config name is missing",
        ),
        ({"data/train-0.parquet": b"no table"}, r"user/name: data/train-0\.parquet is no whole Parquet file"),
    ],
)
def test_a_repository_in_no_form_that_can_be_read_is_one_sentence(server, files, message):
    server.files.update(files)
    download("user/name")
    with pytest.raises(SourceError, match=message):
        read(**BY_SCORE)


def test_rows_that_are_elsewhere_are_not_fetched(server, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    distributed.write(elsewhere)
    server.files["README.md"] = (
        f"---\nconfigs:\n- config_name: default\n  data_files: {elsewhere}/data/*.parquet\n---".encode()
    )
    server.files["data.parquet"] = b"0"
    download("user/name")
    with pytest.raises(SourceError, match=rf"user/name has rows that are not in the repository, such as {elsewhere}"):
        read(**BY_VOTES)


# What the Hub refuses.


@pytest.mark.parametrize(
    ("repository", "revision", "message"),
    [
        ("user/none", None, r"^user/none is no data set on the Hub, or a private one; check the name, or log in"),
        (
            "user/gated",
            None,
            r"^user/gated asks for its terms to be accepted; do so on https://huggingface\.co/datasets/u",
        ),
        ("user/name", "v2", r"^user/name@v2: there is no such revision; choose one of https://.*/user/name/commits$"),
        ("no name", None, "^'no name' is no name of a repository on the Hub; write it as user/name$"),
        ("a/b/c", None, "^'a/b/c' is no name of a repository"),
        (None, None, r"^nothing to download: name a repository by data\.ratings\.repository=user/name; Parquet files"),
    ],
)
def test_what_cannot_be_fetched_is_one_sentence(server, repository, revision, message):
    with pytest.raises(SourceError, match=message) as caught:
        download(repository, revision)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_none_is_refused_before_looking(cache):
    with pytest.raises(SourceError, match="'no name' is no name of a repository on the Hub; write it as user/name"):
        read(**BY_VOTES | {"repository": "no name"})


def test_no_connection_is_one_sentence(cache, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        SourceError, match=r"^user/name cannot be fetched from the Hugging Face Hub \(\w+\); check conn"
    ):
        download("user/name")


def test_a_part_without_a_list_of_the_whole_is_no_download(server, shards, monkeypatch):
    from huggingface_hub import constants, hf_hub_download

    hf_hub_download("user/name", "README.md", repo_type="dataset")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SourceError, match=r"cannot be fetched from the Hugging Face Hub \(ConnectionError\)"):
        download("user/name")


@pytest.mark.parametrize("call", [lambda: download("user/name"), lambda: read(**BY_VOTES)])
def test_without_the_package_the_next_step_is_named(call, monkeypatch):
    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    with pytest.raises(
        SourceError, match=re.escape("needs the package datasets; install it by pip install 'awcu[hub-")
    ):
        call()


@pytest.mark.network
def test_the_hub_is_as_the_server_here_says(cache):
    pytest.importorskip("datasets")
    assert (download("hf-internal-testing/dataset_with_data_files") / "data" / "train.txt").is_file()
