"""`awcu demo` as it is started: models, names, ports, and the page of a real server."""

import io
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from urllib.request import urlopen

import pytest
from PIL import Image

from awcu.commands import main as cli
from awcu.commands.demo import load_models
from awcu.commands.serving import listen
from awcu.errors import ModelError
from awcu.models.pretrained import BUNDLED, load
from awcu.models.purpose import purpose


@pytest.fixture
def call(monkeypatch):
    """Run the command; what it ends with."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["awcu", "demo", "--no-browser", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code

    return run


class TestPackage:
    def test_its_model_is_small_whole_and_says_what_it_is_for(self):
        config, state = load(BUNDLED)
        assert purpose(config.trained_on).model != ""
        assert config.reference is not None
        assert config.reference.n >= 100
        assert sum(value.numel() * value.element_size() for value in state.values()) < 26_000_000

    def test_its_card_tells_how_it_was_made(self):
        card = (BUNDLED / "README.md").read_text(encoding="utf-8")
        assert purpose(load(BUNDLED)[0].trained_on).ratings in card
        assert re.search(r"^\| command \| `awcu train ", card, re.MULTILINE)
        assert "changes that were not committed" not in card


class TestLoadModels:
    def test_without_a_choice_that_of_the_package(self):
        assert [served.name for served in load_models(None, None, "cpu")] == [BUNDLED.name]

    def test_by_the_last_part_of_their_place(self, checkpoint):
        assert [served.name for served in load_models(str(checkpoint), None, "cpu")] == ["model.ckpt"]
        assert [served.name for served in load_models(None, str(checkpoint), "cpu")] == [BUNDLED.name, "model.ckpt"]

    def test_two_of_one_name_stay_apart(self, checkpoint):
        names = [served.name for served in load_models(str(checkpoint), str(checkpoint), "cpu")]
        assert names == ["model.ckpt (1)", "model.ckpt (2)"]

    def test_what_is_no_model(self, tmp_path):
        with pytest.raises(ModelError, match="is no model; give an exported folder"):
            load_models(str(tmp_path), None, "cpu")


def test_errors_are_one_line(call, tmp_path):
    with listen("127.0.0.1", 0) as taken:
        assert "choose another --port" in call("--port", taken.getsockname()[1])
    assert "is no model" in call("--port", 0, "--checkpoint", tmp_path)
    assert call("--port", 0, "--waiting", 0) == "awcu: waiting 0 is below 1; give a number from 1"


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_without_its_extra_it_says_what_to_install(call, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    said = call("--port", 0)
    assert said.startswith(f"awcu: the web page needs {package}; ")
    assert "pip install 'awcu[demo]'" in said


@contextmanager
def started():
    """A server's process and address."""
    command = [sys.executable, "-m", "awcu", "demo", "--port", "0", "--no-browser", "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline()
            yield server, re.fullmatch(r"awcu demo: (http://127\.0\.0\.1:\d+) \(Ctrl-C ends it\)\n", line).group(1)
        finally:
            server.kill()


@pytest.mark.slow
def test_a_server_answers_and_ends_on_an_interrupt():
    with started() as (server, address):
        with urlopen(address, timeout=60) as answer:
            assert b"How good is this photograph" in answer.read()
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0
        assert "Traceback" not in server.stderr.read()
    port = int(address.rpartition(":")[2])
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


@pytest.mark.slow
def test_a_server_that_judges_ends_when_it_is_terminated():
    """Of photographs that would keep every thread for a minute."""
    endless = io.BytesIO()
    Image.new("L", (4000, 4000), 99).save(endless, "JPEG", progressive=True)
    whole = endless.getvalue()
    body = whole[:-2] + whole[whole.rindex(b"\xff\xda") : -2] * 50_000 + whole[-2:]

    def judged(address):
        with suppress(OSError):
            urlopen(f"{address}/score", body, timeout=60).close()

    with started() as (server, address):
        visitors = [threading.Thread(target=judged, args=(address,)) for _ in range(4)]
        for visitor in visitors:
            visitor.start()
        time.sleep(2)
        server.send_signal(signal.SIGTERM)
        # Three seconds are given to answers that are on their way.
        assert server.wait(timeout=30) == -signal.SIGTERM
        for visitor in visitors:
            visitor.join()
