"""Models that travel: each kind of source gives the same model, and damage or disguise is refused unread.

The Hub client asks a small server of our own, never the Hub itself.
"""

import base64
import hashlib
import json
import math
import os
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from local_server import Answering, Local
from safetensors import torch as safetensors

from awcu.errors import ModelError
from awcu.inference.predictor import AestheticModel
from awcu.models.pretrained import (
    CARD,
    CONFIG,
    FILES,
    REPOSITORY,
    WEIGHTS,
    checkpoint_of,
    fetch,
    load,
    new_folder,
    upload,
    write,
)
from awcu.runs.record import RunRecord

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def exported(checkpoint, tmp_path):
    write_model(tmp_path / "model", *load(checkpoint))
    return tmp_path / "model"


def write_model(folder, config, state):
    folder.mkdir()
    write(folder, config, state, "# card\n")


@pytest.fixture
def make_run(checkpoint, tmp_path):
    """A run's folder; `recorded` is the checkpoint's path in record.json, `files` what the folder holds."""

    def make(recorded, *files):
        folder = tmp_path / "runs" / "one"
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(checkpoint, folder / name)
        RunRecord(
            *("e", "v", "Uniform()", 0, (), "tiny", "d", "s", {"test": 5}, {"test/auroc": 0.5}, "c", False, {}, 1.0),
            checkpoint=str(recorded),
            created="2026-01-01T00:00:00+00:00",
        ).save(folder / "record.json")
        return folder

    return make


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def assert_same(one, other):
    assert one[0] == other[0]
    assert one[1].keys() == other[1].keys()
    assert all(torch.equal(value, other[1][name]) for name, value in one[1].items())


class TestSources:
    def test_a_checkpoint(self, checkpoint):
        config, state = load(checkpoint)
        assert config.network["backbone"] == "test_resnet"
        assert config.attribute_names == ("indoors", "outdoors")
        assert config.reference.n == 50
        saved = torch.load(checkpoint, weights_only=True)["state_dict"]
        assert all(torch.equal(saved[f"net.{name}"], value) for name, value in state.items())

    def test_a_folder_holds_all_of_it(self, checkpoint, exported):
        assert_same(load(exported), load(str(checkpoint)))
        assert sorted(path.name for path in exported.iterdir()) == [CARD, CONFIG, WEIGHTS]

    def test_verdicts_are_the_same_to_the_last_bit(self, checkpoint, exported):
        images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        trained, travelled = (AestheticModel.from_pretrained(source, "cpu") for source in (checkpoint, exported))
        assert trained.verdicts(images) == travelled.verdicts(images)

    def test_a_run_by_the_checkpoint_that_it_records(self, checkpoint, make_run):
        assert_same(load(make_run(checkpoint)), load(checkpoint))

    def test_a_run_from_another_machine(self, make_run):
        folder = make_run("/elsewhere/checkpoints/best.ckpt", "checkpoints/best.ckpt", "checkpoints/last.ckpt")
        assert checkpoint_of(folder) == folder / "checkpoints" / "best.ckpt"

    def test_a_runs_only_checkpoint_under_another_name(self, make_run):
        folder = make_run("/elsewhere/best.ckpt", "renamed.ckpt")
        assert checkpoint_of(folder) == folder / "renamed.ckpt"

    def test_a_copied_run_keeps_its_own_checkpoint(self, checkpoint, make_run, tmp_path):
        """Where it was copied from, another may have been trained since."""
        shutil.copy(checkpoint, tmp_path / "best.ckpt")
        folder = make_run(tmp_path / "best.ckpt", "checkpoints/best.ckpt")
        assert checkpoint_of(folder) == folder / "checkpoints" / "best.ckpt"

    def test_a_run_without_its_checkpoint_is_named(self, make_run):
        with pytest.raises(ModelError, match=r"'gone/best\.ckpt' of record\.json is not there.* holds 2 others"):
            load(make_run("gone/best.ckpt", "a.ckpt", "b.ckpt"))

    @pytest.mark.parametrize("source", ["", "none", "none.ckpt", "/none/none", "a/b/c", "user/na me"])
    def test_none_of_these(self, tmp_path, monkeypatch, source):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ModelError, match="is no model; give an exported folder"):
            load(source)

    def test_a_mistyped_path_is_not_asked_of_the_hub(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "runs").mkdir()
        with pytest.raises(ModelError, match=r"runs/typo is no model; give an exported folder"):
            load("runs/typo")

    @pytest.mark.slow
    def test_an_exported_folder_needs_no_lightning(self, exported):
        code = (
            f"import sys\nfrom awcu.inference.predictor import AestheticModel\n"
            f"AestheticModel.from_pretrained({str(exported)!r}, 'cpu')\n"
            "sys.exit(', '.join({'pytorch_lightning', 'hydra'} & set(sys.modules)) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


class TestDamage:
    @pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
    def test_a_missing_file_is_named(self, exported, name):
        (exported / name).unlink()
        with pytest.raises(ModelError, match=f"model has no {name}"):
            load(exported)

    def test_a_configuration_that_is_no_text(self, exported):
        (exported / CONFIG).write_bytes(b"\xff\xfe{}")
        with pytest.raises(ModelError, match=r"config\.json is no text"):
            load(exported)

    @pytest.mark.parametrize("keep", [0, 7, 100, -1])
    def test_truncated_weights(self, exported, keep):
        content = (exported / WEIGHTS).read_bytes()
        (exported / WEIGHTS).write_bytes(content[:keep])
        with pytest.raises(ModelError, match="is no whole safetensors file"):
            load(exported)

    def test_one_changed_byte(self, exported):
        content = bytearray((exported / WEIGHTS).read_bytes())
        content[-1] ^= 1
        (exported / WEIGHTS).write_bytes(content)
        with pytest.raises(ModelError, match=r"not what config\.json was written with \(SHA-256\)"):
            load(exported)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda state: state.pop("attribute_head.bias"), r"'attribute_head.bias' \(missing, expected"),
            (lambda state: state.update(extra=torch.ones(1)), r"'extra' \(.*expected none\)"),
            (
                lambda state: state.update({"aesthetic_head.bias": torch.ones(3)}),
                r"'aesthetic_head.bias' \(\(\(3,\), torch.float32\), expected \(\(2,\), torch.float32\)\)",
            ),
            (lambda state: state.update({"aesthetic_head.bias": torch.ones(2).double()}), "torch.float64"),
        ],
    )
    def test_tensors_of_another_network(self, exported, change, message):
        state = safetensors.load_file(exported / WEIGHTS)
        change(state)
        content = safetensors.save(state)
        (exported / WEIGHTS).write_bytes(content)
        self.rewrite(exported, weights_sha256=hashlib.sha256(content).hexdigest())
        with pytest.raises(ModelError, match=f"1 tensors are not those of the test_resnet in config.json, .*{message}"):
            load(exported)

    def test_a_configuration_of_another_network(self, exported):
        network = json.loads((exported / CONFIG).read_text())["network"]
        self.rewrite(exported, network=network | {"backbone": "test_efficientnet"})
        with pytest.raises(ModelError, match="are not those of the test_efficientnet in config"):
            load(exported)
        self.rewrite(exported, network=network | {"backbone": "hf-hub:user/name"})
        with pytest.raises(ModelError, match=r"timm .* has no model 'hf-hub:user/name'"):
            load(exported)

    def test_a_configuration_of_any_size_is_not_read(self, exported):
        with (exported / CONFIG).open("ab") as file:
            file.truncate(40_000_000_000)
        with pytest.raises(ModelError, match=r"config\.json has 40\.0 GB, more than 1\.0 MB; export"):
            load(exported)

    def test_weights_larger_than_the_network_are_not_read(self, exported):
        with (exported / WEIGHTS).open("ab") as file:
            file.truncate(40_000_000_000)  # sparse: it takes no disk
        with pytest.raises(
            ModelError, match=r"model\.safetensors has 40\.0 GB, but the network in config\.json takes \d"
        ):
            load(exported)

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_weights_that_are_not_finite(self, exported, checkpoint, tmp_path, value):
        config, state = load(exported)
        state["aesthetic_head.weight"][0, 0] = value
        message = r"1 tensor with numbers that are not finite, first 'aesthetic_head\.weight': training diverged"
        write_model(tmp_path / "other", config, state)
        with pytest.raises(ModelError, match=rf"model\.safetensors: {message}"):
            load(tmp_path / "other")
        saved = torch.load(checkpoint, weights_only=True)
        saved["state_dict"]["net.aesthetic_head.weight"][0, 0] = value
        torch.save(saved, tmp_path / "diverged.ckpt")
        with pytest.raises(ModelError, match=rf"diverged\.ckpt: {message}"):
            load(tmp_path / "diverged.ckpt")

    def rewrite(self, folder, **values):
        document = json.loads((folder / CONFIG).read_text())
        (folder / CONFIG).write_text(json.dumps(document | values))


class TestDisguise:
    @pytest.mark.parametrize(
        ("dump", "unpickle"),
        [
            (torch.save, lambda path: torch.load(path, weights_only=False)),
            (
                lambda trap, path: path.write_bytes(pickle.dumps(trap)),
                lambda path: pickle.loads(path.read_bytes()),
            ),
        ],
    )
    def test_a_pickle_is_not_run(self, exported, tmp_path, dump, unpickle):
        sprung, trap = tmp_path / "sprung", tmp_path / "trap.ckpt"
        dump(Trap(sprung), trap)
        with pytest.raises(ModelError, match=r"trap\.ckpt is no checkpoint of this version"):
            load(trap)
        shutil.copy(trap, exported / WEIGHTS)
        with pytest.raises(ModelError, match="is no whole safetensors file"):
            load(exported)
        assert not sprung.exists()
        unpickle(trap)
        assert sprung.exists(), "the trap itself does not work, so nothing was shown"

    def test_a_trap_inside_a_checkpoint_is_not_run(self, checkpoint, tmp_path):
        saved = torch.load(checkpoint, weights_only=True)
        torch.save(saved | {"callbacks": Trap(tmp_path / "sprung")}, tmp_path / "trap.ckpt")
        with pytest.raises(ModelError, match=r"trap\.ckpt is no checkpoint of this version"):
            load(tmp_path / "trap.ckpt")
        assert not (tmp_path / "sprung").exists()

    def test_a_checkpoint_of_another_kind(self, tmp_path):
        torch.save({"state_dict": {"weight": torch.ones(3)}, "hyper_parameters": {"width": 3}}, tmp_path / "other.ckpt")
        with pytest.raises(ModelError, match=r"other\.ckpt is no checkpoint of this version"):
            load(tmp_path / "other.ckpt")


class TestNewFolder:
    def test_it_is_there_when_all_is_written_and_not_before(self, tmp_path):
        target = tmp_path / "deep" / "model"
        with new_folder(target) as folder:
            (folder / CONFIG).write_text("{}")
            assert not target.exists()
        assert [path.name for path in target.iterdir()] == [CONFIG]
        assert [path.name for path in target.parent.iterdir()] == ["model"]
        # Whoever may read a folder made by hand may read this one.
        (tmp_path / "plain").mkdir()
        assert target.stat().st_mode == (tmp_path / "plain").stat().st_mode

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_nothing_is_left_of_a_failure(self, exported, overwrite):
        before = {path.name: path.read_bytes() for path in exported.iterdir()}
        target = exported if overwrite else exported.with_name("other")

        def interrupted():
            with new_folder(target, overwrite) as folder:
                (folder / CONFIG).write_text("half")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert [path.name for path in exported.parent.iterdir()] == ["model"]
        assert {path.name: path.read_bytes() for path in exported.iterdir()} == before

    def test_the_old_folder_comes_back_where_the_new_one_cannot_take_its_place(self, exported, monkeypatch):
        before, rename = {path.name for path in exported.iterdir()}, os.rename

        def failing(path, target):
            if path.name == "new":
                raise OSError("no space")
            rename(path, target)
            return target

        monkeypatch.setattr(Path, "rename", failing)
        with pytest.raises(OSError, match="no space"), new_folder(exported, overwrite=True):
            pass
        assert {path.name for path in exported.iterdir()} == before
        assert [path.name for path in exported.parent.iterdir()] == ["model"]

    def test_a_folder_is_replaced_only_on_request_and_whole(self, exported):
        with (
            pytest.raises(ModelError, match="model exists; name another folder, or overwrite it"),
            new_folder(exported),
        ):
            pass
        with new_folder(exported, overwrite=True) as folder:
            (folder / CONFIG).write_text("{}")
        assert [path.name for path in exported.iterdir()] == [CONFIG]

    def test_what_a_killed_export_left_is_removed(self, tmp_path):
        left = tmp_path / ".model.partial" / "new"
        left.mkdir(parents=True)
        (left / WEIGHTS).write_bytes(b"half")
        (tmp_path / ".model.lock").touch()
        with new_folder(tmp_path / "model") as folder:
            assert list(folder.iterdir()) == []
            (folder / CONFIG).write_text("{}")
        assert [path.name for path in tmp_path.rglob("*")] == ["model", CONFIG]

    def test_a_model_that_a_killed_export_had_moved_aside_is_put_back(self, exported):
        before, aside = {path.name for path in exported.iterdir()}, exported.with_name(".model.partial") / "old"
        aside.parent.mkdir()
        exported.rename(aside)
        with pytest.raises(ModelError, match="model exists"), new_folder(exported):
            pass
        assert {path.name for path in exported.iterdir()} == before
        assert [path.name for path in exported.parent.iterdir()] == ["model"]

    def test_a_second_export_waits_for_the_first(self, tmp_path):
        found = []

        def second():
            with pytest.raises(ModelError, match="model exists"), new_folder(tmp_path / "model"):
                found.append("an empty folder")
            found.append("waited")

        other = threading.Thread(target=second)
        with new_folder(tmp_path / "model"):
            other.start()
            other.join(0.3)
            assert found == []
        other.join()
        assert found == ["waited"]

    def test_a_folder_that_came_meanwhile_stays(self, tmp_path):
        with pytest.raises(ModelError, match="model exists"), new_folder(tmp_path / "model"):
            (tmp_path / "model").mkdir()
        assert list((tmp_path / "model").iterdir()) == []

    def test_nothing_but_an_exported_folder_is_replaced(self, make_run, tmp_path):
        run = make_run("best.ckpt", "best.ckpt")
        with pytest.raises(ModelError, match=r"one holds 'best\.ckpt', which no export wrote"), new_folder(run, True):
            pass
        (tmp_path / "file").write_text("mine")
        with pytest.raises(ModelError, match="file is a file; name a folder"), new_folder(tmp_path / "file", True):
            pass
        assert (tmp_path / "file").read_text() == "mine"
        assert (run / "best.ckpt").is_file()


COMMIT = "a" * 40


class Server(Local):
    """What the client needs of the Hub for one repository, `user/name`, kept in memory."""

    def __init__(self):
        super().__init__(Handler)
        self.files = {}
        self.made = []
        self.asked = []


class Handler(Answering):
    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def do_POST(self):  # noqa: N802, http.server calls it by this name
        body, server = self.body(), self.server
        if self.headers.get("Authorization") != "Bearer hf_right":
            self.answer({"error": "unauthorised"}, 401)
        elif self.path == "/api/repos/create":
            server.made.append(json.loads(body))
            self.answer({"url": f"{server.address}/user/name"})
        elif self.path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif self.path == "/api/models/user/name/preupload/main":
            named = [{"path": file["path"], "uploadMode": "regular"} for file in json.loads(body)["files"]]
            self.answer({"files": [file | {"shouldIgnore": False, "oid": None} for file in named]})
        elif self.path == "/api/models/user/name/commit/main":
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self.answer({"commitOid": COMMIT, "commitUrl": f"{server.address}/user/name/commit/{COMMIT}"})
        else:
            self.answer({}, 404)

    def do_GET(self):  # noqa: N802, http.server calls it by this name
        files = self.server.files
        self.server.asked.append(self.path)
        if self.path in ("/api/models/user/name/revision/main", "/api/models/user/name/revision/v1"):
            self.answer({"id": "user/name", "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]})
        elif self.path.startswith(f"/api/models/user/name/tree/{COMMIT}"):
            self.answer([{"type": "file", "path": n, "size": len(c), "oid": "b" * 40} for n, c in files.items()])
        elif self.path.startswith(f"/user/name/resolve/{COMMIT}/"):
            name = self.path.rpartition("/")[2]
            self.answer(files[name], ETag=f'"{name}"', X_Repo_Commit=COMMIT)
        else:
            self.answer({"error": "none"}, 404, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture
def server(monkeypatch, tmp_path):
    started = Server()
    monkeypatch.setattr(constants, "ENDPOINT", started.address)
    template = f"{started.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    yield started
    started.shutdown()
    started.server_close()


def test_a_model_goes_up_and_comes_down_the_same(server, checkpoint):
    model = AestheticModel.from_pretrained(checkpoint, "cpu")
    address = model.push_to_hub("user/name", private=True)
    assert address == f"{server.address}/user/name/commit/{COMMIT}"
    assert [(made["name"], made["organization"]) for made in server.made] == [("name", "user")]
    assert "private" in json.dumps(server.made)
    assert set(server.files) == {CONFIG, WEIGHTS, "README.md"}
    assert b'from_pretrained("user/name")' in server.files["README.md"]

    server.files["train.py"] = b"never fetched"
    config, state = load("user/name@v1")
    assert config == model.config
    assert all(torch.equal(value, model.net.state_dict()[name]) for name, value in state.items())
    assert any(path.endswith("/revision/v1") for path in server.asked)
    assert not any("train.py" in path for path in server.asked)


def test_what_is_uploaded_is_the_folder(server, tmp_path):
    for name in FILES:
        (tmp_path / name).write_text(f"---\nlibrary_name: awcu\n---\n{name}")
    upload(tmp_path, "user/name")
    assert server.files == {name: (tmp_path / name).read_bytes() for name in FILES}


def test_a_repository_without_a_model_is_named(server):
    server.files["other.bin"] = b"0"
    with pytest.raises(ModelError, match=r"has no config\.json"):
        load("user/name")


def test_an_unknown_repository_is_one_line(server):
    with pytest.raises(
        ModelError, match=r"^user/none is no file .* cannot be fetched .*RepositoryNotFoundError.*path$"
    ):
        load("user/none")


def test_a_wrong_token_is_one_line(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(ModelError, match=r"cannot be uploaded as user/name \(.*Error\); log in with a token"):
        upload(tmp_path, "user/name")
    assert server.files == {}


def test_offline_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"^user/name is no file or folder here and cannot be fetched .*connection"):
        load("user/name")


@pytest.mark.parametrize("name", ["name", "user/name@v1", "../model", "user/name/deep", "-user/name", ""])
def test_what_is_no_name_is_not_sent(tmp_path, name):
    with pytest.raises(ModelError, match="is no name of a repository on the Hub; write it as user/name"):
        upload(tmp_path, name)


def test_revisions_are_told_from_names():
    found = REPOSITORY.fullmatch("user/some.name-2@refs/pr/1")
    assert found.group("id", "revision") == ("user/some.name-2", "refs/pr/1")
    with pytest.raises(ModelError, match="'model' is no repository on the Hub"):
        fetch("model", FILES)
