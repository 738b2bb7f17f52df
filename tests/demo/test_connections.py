"""Connections that send too little, and more of them than there is room for, to a real server of a tiny page."""

import resource
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest

pytest.importorskip("uvicorn")

import uvicorn

from awcu.demo.connections import MOST, bounded

WHOLE = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
HALF = WHOLE[:-2]


async def page(scope, receive, send):
    if scope["path"] == "/slow":
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    await send({"type": "http.response.body", "body": b"two words"})


@contextmanager
def serving(**bounds):
    """The address of a server; it ends with the block."""
    protocol = bounded(**{"busy": 60, "idle": 60} | bounds)
    server = uvicorn.Server(uvicorn.Config(page, http=protocol, lifespan="off", log_level="critical"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()
        server.should_exit = True
        thread.join()


def connected(address, sent):
    connection = socket.create_connection(address, timeout=20)
    connection.sendall(sent)
    return connection


def is_cut_off(connection):
    """Whether the server ends the connection without an answer; waits for either."""
    try:
        return connection.recv(1000) == b""
    except ConnectionResetError:
        return True


def is_answered(connection):
    """Whether the whole answer comes, in however many pieces."""
    answer = b""
    while b"two words" not in answer:
        piece = connection.recv(1000)
        if not piece:
            return False
        answer += piece
    return True


@pytest.mark.parametrize("sent", [b"", HALF], ids=["nothing", "half a head"])
def test_who_sends_no_whole_head_is_cut_off(sent):
    with serving(idle=0.3) as address, connected(address, sent) as slow:
        started = time.monotonic()
        assert is_cut_off(slow)
        assert 0.2 < time.monotonic() - started < 10


def test_half_a_head_after_an_answer_is_cut_off_too():
    with serving(idle=1) as address, connected(address, WHOLE) as slow:
        assert is_answered(slow)
        slow.sendall(HALF)
        assert is_cut_off(slow)


def test_a_head_byte_by_byte_does_not_help():
    with serving(idle=0.3) as address, connected(address, b"") as slow:
        started = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - started < 10:
                slow.send(b"G")
                time.sleep(0.02)
        assert 0.2 < time.monotonic() - started < 10


def test_a_request_may_take_longer_than_its_head_but_not_for_ever():
    with serving(idle=0.2, busy=0.8) as address, connected(address, WHOLE.replace(b"/ ", b"/slow ")) as long:
        started = time.monotonic()
        assert is_cut_off(long)
        assert 0.6 < time.monotonic() - started < 10


def test_the_longest_idle_makes_room_for_a_newcomer():
    with serving(most=3) as address:
        idle = []
        for _ in range(3):
            idle.append(connected(address, HALF))
            time.sleep(0.05)
        with connected(address, WHOLE) as newcomer:
            assert is_answered(newcomer)
        assert is_cut_off(idle[0])
        idle[1].sendall(b"\r\n")
        assert is_answered(idle[1])
        for one in idle:
            one.close()


def test_a_newcomer_goes_where_all_are_busy():
    with serving(most=1) as address, connected(address, WHOLE.replace(b"/ ", b"/slow ")):
        time.sleep(0.2)
        with connected(address, WHOLE) as newcomer:
            assert is_cut_off(newcomer)


def test_no_more_than_half_of_the_files_that_may_be_open():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (400, hard))
        assert bounded(60).most == 200
        assert bounded(60, most=9).most == 9
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * MOST) if hard > 0 else 4 * MOST, hard))
        assert bounded(60).most == MOST
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
