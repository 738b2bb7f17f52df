"""The Hub client against a small server of our own; the Hub itself is not asked."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from huggingface_hub import constants

from awcu.errors import ModelError
from awcu.inference.predictor import AestheticModel
from awcu.models import hub
from awcu.models.hub import fetch, upload
from awcu.models.pretrained import CONFIG, FILES, WEIGHTS, load

pytestmark = pytest.mark.usefixtures("one_thread")

COMMIT = "a" * 40


class Server(ThreadingHTTPServer):
    """What the client needs of the Hub for one repository, `user/name`, kept in memory."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.files = {}
        self.made = []
        self.asked = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, content, status=200, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": len(body)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def do_POST(self):
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

    def do_GET(self):
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
    found = hub.REPOSITORY.fullmatch("user/some.name-2@refs/pr/1")
    assert found.group("id", "revision") == ("user/some.name-2", "refs/pr/1")
    with pytest.raises(ModelError, match="'model' is no repository on the Hub"):
        fetch("model", FILES)
