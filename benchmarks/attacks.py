"""`awcu demo` under attack: what it answers, how long others wait meanwhile, and what it takes of memory and core.

python benchmarks/attacks.py          # 5 minutes on two cores; prints Markdown

Everything comes from this machine, to a page that may open 1,024 files, as most systems allow. "Others wait" is the
longest of the times that a visitor who asks for the page every half second waited meanwhile.
"""

import argparse
import io
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import psutil
from PIL import Image

HELD = 45  # seconds after which connections are counted that are still open
SECONDS = 10  # the page's limit for a photograph
Address = tuple[str, int]


def main() -> None:
    """Start the page, attack it, print a row an attack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="attacks whose name holds this")
    only = parser.parse_args().only
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    print("| attack | the page | others wait | core | memory: most, after |\n|---|---|--:|--:|--:|")
    attacks: list[tuple[str, Callable[[Address], str]]] = [
        ("none: a photograph of 12 megapixels", lambda page: said(post(page, "/explain", photograph()))),
        ("50 half-sent heads", lambda page: held(page, 50, slowly=False)),
        ("200 clients of a byte a second", lambda page: held(page, 200, slowly=True)),
        ("1,100 half-sent heads", lambda page: held(page, 1100, slowly=False)),
        ("a form of 1,000 parts", lambda page: said(post(page, "/explain", form(1000), FORM))),
        ("a body of 2 GB without its length", lambda page: endless(page, 2_000_000_000)),
        ("another Host", lambda page: said(request(page, "GET", "/", host="evil.example"))),
        ("a cross-site POST", lambda page: said(post(page, "/score", photograph(), "Sec-Fetch-Site: cross-site\r\n"))),
        ("names with markup", markup),
        ("300 photographs in a row", lambda page: in_a_row(page, 300)),
        ("a JPEG 2000 of 60 megapixels", lambda page: said(post(page, "/score", jpeg_2000()))),
        ("four JPEGs of any number of scans", lambda page: at_once(page, scans(), 4)),
    ]
    with served() as (page, server):
        for name, attack in attacks:
            if only in name:
                row(name, page, server, attack)
    last = "SIGTERM in the middle of four photographs"
    if only in last:
        with served() as (page, server):
            print(f"| {last} | {ended(page, server)} | | | |")


@contextmanager
def served() -> Iterator[tuple[Address, psutil.Popen]]:
    """The page in a process that may open 1,024 files."""
    command = [sys.executable, "-m", "awcu", "demo", "--port", "0", "--no-browser", "--device", "cpu"]
    server = psutil.Popen(
        [*command, "--seconds", str(SECONDS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)),
    )
    try:
        host, port = re.search(r"http://(\S+):(\d+)", server.stdout.readline()).groups()  # type: ignore[union-attr]
        yield (host, int(port)), server
    finally:
        with suppress(psutil.NoSuchProcess):
            server.kill()


def row(name: str, page: Address, server: psutil.Popen, attack: Callable[[Address], str]) -> None:
    """What the attack did to the page, to others, to its core and its memory; ten seconds of rest are part of it."""
    waits, memory, over = [0.0], [0.0], threading.Event()

    def visit() -> None:
        while not over.wait(0.5):
            started = time.perf_counter()
            with suppress(OSError):
                request(page, "GET", "/", timeout=60)
            waits.append(time.perf_counter() - started)

    def weigh() -> None:
        while not over.wait(0.05):
            family = [server, *server.children()]
            with suppress(psutil.NoSuchProcess):
                memory.append(sum(one.memory_info().rss for one in family) / 2**20)

    watches = [threading.Thread(target=watch) for watch in (visit, weigh)]
    for watch in watches:
        watch.start()
    started, before = time.perf_counter(), sum(server.cpu_times()[:4])
    result = attack(page)
    took = time.perf_counter() - started
    time.sleep(10)
    core = sum(server.cpu_times()[:4]) - before
    over.set()
    for watch in watches:
        watch.join()
    after = server.memory_info().rss / 2**20
    seen = f"{max(waits):.2f} s | {core:.1f} s | {max(memory):,.0f}, {after:,.0f} MiB"
    print(f"| {name} | {result} after {took:.1f} s | {seen} |", flush=True)


def request(page: Address, method: str, path: str, more: str = "", host: str = "", timeout: float = 120) -> bytes:
    """The whole answer to a request whose `more` may end in a body."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host or page[0]}\r\nConnection: close\r\n"
    return exchange(page, (head + more + "\r\n").encode(), timeout)


def post(page: Address, path: str, body: bytes, more: str = "") -> bytes:
    """The whole answer to a request with this body."""
    head = f"POST {path} HTTP/1.1\r\nHost: {page[0]}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return exchange(page, head.encode() + body)


def exchange(page: Address, content: bytes, timeout: float = 120) -> bytes:
    """Send all, and read until the page closes the connection."""
    parts = []
    with socket.create_connection(page, timeout=timeout) as connection:
        with suppress(OSError):
            connection.sendall(content)
        with suppress(OSError):
            while part := connection.recv(65536):
                parts.append(part)
    return b"".join(parts)


def said(answer: bytes) -> str:
    """An answer's status and, of an error, its sentence."""
    if not answer:
        return "no answer"
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split()[1].decode()
    return status if status == "200" else f"{status} {body[:90].decode()!r}"


def held(page: Address, number: int, slowly: bool) -> str:
    """How many connections are still open after a while; slowly: each goes on with a byte a second."""
    connections, refused = [], 0
    for _ in range(number):
        try:
            connections.append(socket.create_connection(page, timeout=5))
            connections[-1].sendall(b"GET / HTTP/1.1\r\nHost: ")
        except OSError:
            refused += 1
    end = time.monotonic() + HELD
    while time.monotonic() < end:
        time.sleep(1)
        for one in connections if slowly else ():
            with suppress(OSError):
                one.sendall(b"x")
    open_still = sum(map(is_open, connections))
    for one in connections:
        one.close()
    return f"{open_still} of {number} still open, {refused} refused at once,"


def is_open(connection: socket.socket) -> bool:
    """Whether the page has not ended the connection."""
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def endless(page: Address, length: int) -> str:
    """Send that many bytes in chunks; the answer, and how many were taken."""
    sent, chunk = 0, b"100000\r\n" + bytes(2**20) + b"\r\n"
    with socket.create_connection(page, timeout=120) as connection:
        head = f"POST /score HTTP/1.1\r\nHost: {page[0]}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        with suppress(OSError):
            while sent < length:
                connection.sendall(chunk)
                sent += 2**20
        answer = b""
        with suppress(OSError):
            answer = connection.recv(65536)
    return f"{said(answer)}, {sent / 1e6:,.0f} MB taken,"


def markup(page: Address) -> str:
    """Whether a name is given back where a browser would read it as markup."""
    name, answers = "%3Cimg%20src=x%20onerror=alert(1)%3E", []
    for path in ("explain", "score", "crop", "sheet"):
        for body in (b"words", photograph()):
            answers.append(post(page, f"/{path}?box=0,0,99,99&name={name}&model={name}", body))
            answers.append(post(page, f"/{path}?box=0,0,99,99&name={name}", body))
    unsafe = [one for one in answers if b"<img" in one and b"application/json" not in one.partition(b"\r\n\r\n")[0]]
    return f"{len(unsafe)} of {len(answers)} answers hold it as markup"


def in_a_row(page: Address, number: int) -> str:
    """Statuses of as many photographs."""
    return counted([post(page, "/score", photograph()) for _ in range(number)])


def at_once(page: Address, body: bytes, number: int) -> str:
    """Statuses of the same photograph sent at once."""
    answers: list[bytes] = []
    visitors = [threading.Thread(target=lambda: answers.append(post(page, "/score", body))) for _ in range(number)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    return counted(answers)


def counted(answers: list[bytes]) -> str:
    """How many of which."""
    return ", ".join(f"{number} × {what}" for what, number in Counter(map(said, answers)).items())


def ended(page: Address, server: psutil.Popen) -> str:
    """Terminate the page while it judges; how long it takes, and its exit status."""
    visitor = threading.Thread(target=at_once, args=(page, photograph(), 4))
    visitor.start()
    time.sleep(0.3)
    started = time.perf_counter()
    server.send_signal(signal.SIGTERM)
    status = server.wait(60)
    visitor.join()
    return f"ends with {status} after {time.perf_counter() - started:.1f} s"


FORM = "Content-Type: multipart/form-data; boundary=b\r\n"


def form(parts: int) -> bytes:
    """A form of that many fields."""
    fields = (b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % number for number in range(parts))
    return b"".join(fields) + b"--b--\r\n"


def photograph() -> bytes:
    """A JPEG of 12 megapixels."""
    if not _KEPT:
        noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
        _KEPT.append(saved(Image.fromarray(noise).resize((4000, 3000), Image.Resampling.BICUBIC), "JPEG"))
    return _KEPT[0]


_KEPT: list[bytes] = []


def jpeg_2000() -> bytes:
    """60 megapixels in a few hundred bytes."""
    return saved(Image.new("RGB", (7500, 8000), (9, 99, 199)), "JPEG2000")


def scans() -> bytes:
    """A progressive JPEG of 16 megapixels whose last scan is there a hundred thousand times."""
    whole = saved(Image.new("L", (4000, 4000), 99), "JPEG", progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * min(100_000, 38_000_000 // len(last)) + whole[-2:]


def saved(image: Image.Image, kind: str, **options: bool) -> bytes:
    """The image as a file's content."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


if __name__ == "__main__":
    main()
