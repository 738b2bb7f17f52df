"""Where a page is served, and whom it answers."""

import pytest

from awcu.commands.serving import LOOPBACK, address_of, listen, names_answered
from awcu.errors import DemoError


class TestListen:
    def test_a_port_in_use(self):
        with listen("127.0.0.1", 0) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(DemoError, match=rf"127\.0\.0\.1:{port} cannot be served \(.*in use\); choose another"):
                listen("127.0.0.1", port)

    @pytest.mark.parametrize("port", [70_000, -1])
    def test_what_is_no_port(self, port):
        with pytest.raises(DemoError, match=f"--port {port} is not a port"):
            listen("127.0.0.1", port)

    def test_what_is_no_address(self):
        with pytest.raises(DemoError, match=r"--host 256\.1\.1\.1 is not an address"):
            listen("256.1.1.1", 0)


class TestNames:
    def test_for_this_machine_only(self):
        with listen("127.0.0.1", 0) as listening:
            assert set(names_answered(listening, "127.0.0.1")) == set(LOOPBACK)
            assert address_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"

    def test_for_others_too(self):
        with listen("0.0.0.0", 0) as listening:
            assert names_answered(listening, "0.0.0.0") == ("*",)
            assert address_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"
