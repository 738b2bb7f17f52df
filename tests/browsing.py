"""Debian's chromium, driven by tests; nothing leaves this machine."""

import shutil
from contextlib import contextmanager

CHROMIUM = shutil.which("chromium")
# Whatever a browser does of itself over the network is turned off, and every name but this machine's leads nowhere.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
PHONE = {"viewport": {"width": 390, "height": 800}, "is_mobile": True, "has_touch": True, "color_scheme": "dark"}


@contextmanager
def browsing(address, **settings):
    """A page of a browser of its own; fails where the page asks for anything elsewhere, or a script fails."""
    # Here, so that the file can be collected without it.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(**settings).new_page()
        page.set_default_timeout(60_000)
        asked, faults = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        yield page
        browser.close()
        assert all(url.startswith((address, "data:", "blob:")) for url in asked)
        assert faults == []
