"""The page behind nginx, under a path of its own, by the lines that the documentation gives."""

import re
import shutil
import socket
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urljoin

import pytest
from killing import Started

pytestmark = [pytest.mark.nginx, pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")]

DOCUMENTED = Path(__file__).parents[2] / "docs" / "how-to" / "demo.md"
AROUND = """
daemon off;
user root;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    {documented}
  }}
}}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def ask(port, method, path, body=None, **headers):
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


def wait_for(port):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"nothing answers at port {port}")


@pytest.fixture
def proxy(checkpoint, tmp_path):
    """The port of nginx, before a page with a small network."""
    page, port = free_port(), free_port()
    documented = re.search(r"```nginx\n(.*?)```", DOCUMENTED.read_text(), re.DOTALL)[1].replace("7860", str(page))
    (tmp_path / "nginx.conf").write_text(AROUND.format(folder=tmp_path, port=port, documented=documented))
    words = ["demo", "--checkpoint", str(checkpoint), "--no-browser", "--device", "cpu", "--port", str(page)]
    served = Started(words, tmp_path, tmp_path / "log")
    nginx = subprocess.Popen(["nginx", "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log"])
    try:
        wait_for(port)
        wait_for(page)
        yield port
    finally:
        nginx.terminate()
        nginx.wait(30)
        served.ended(0)


@pytest.fixture
def photograph(rated_folder):
    return (rated_folder / "images" / "picture_00.jpg").read_bytes()


def test_everything_the_page_names_is_below_its_path(proxy):
    status, _, headers = ask(proxy, "GET", "/awcu")
    assert (status, headers["Location"].endswith("/awcu/")) == (301, True)
    status, page, _ = ask(proxy, "GET", "/awcu/")
    assert status == 200
    named = re.findall(r'(?:href|src)="([^"#]+)"', page.decode())
    assert {"web/page.js", "web/page.css"} <= set(named)
    for name in named:
        path = urljoin("/awcu/", name)
        assert path.startswith("/awcu/")
        assert ask(proxy, "GET", path)[0] == 200, path


@pytest.mark.parametrize("path", ["explain", "score", "crop", "sheet"])
def test_photographs_are_judged(proxy, photograph, path):
    status, body, _ = ask(proxy, "POST", f"/awcu/{path}?name=a.jpg&box=0,0,20,20", photograph)
    assert status == 200, body[:200]


def test_what_is_refused_without_a_proxy_is_refused_with_one(proxy, photograph):
    assert ask(proxy, "POST", "/awcu/score", photograph, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert ask(proxy, "POST", "/awcu/score", b"words")[0] == 422
    assert ask(proxy, "POST", "/awcu/score", bytes(41_000_000))[0] == 413


def test_slow_uploads_keep_nobody_waiting(proxy, photograph):
    """Without the proxy, as many as may wait would fill the page."""
    half = f"POST /awcu/score HTTP/1.1\r\nHost: me\r\nContent-Length: {len(photograph)}\r\n\r\n".encode()
    slow = [socket.create_connection(("127.0.0.1", proxy)) for _ in range(40)]
    for one in slow:
        one.sendall(half + photograph[:100])
    started = time.monotonic()
    assert ask(proxy, "POST", "/awcu/score", photograph)[0] == 200
    assert time.monotonic() - started < 10
    for one in slow:
        one.close()
