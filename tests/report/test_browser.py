import json
import os
import shutil
import subprocess
import sys
import tempfile
from base64 import b64decode
from itertools import count
from pathlib import Path

import pytest

from codelm.report.page import page

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    "--remote-debugging-pipe",
)


class Browser:
    """A headless Chromium, controlled through its debugging pipe with JSON messages that end with a zero byte."""

    def __init__(self, program, profile):
        (read_commands, self.commands), (self.answers, write_answers) = os.pipe(), os.pipe()
        # The browser reads from descriptor 3 and writes to 4, whatever numbers the pipes have here.
        moved = f"import os, sys; os.dup2({read_commands}, 3); os.dup2({write_answers}, 4)"
        moved += "; os.execv(sys.argv[1], sys.argv[1:])"
        command = [sys.executable, "-c", moved, program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, pass_fds=(read_commands, write_answers), **quiet)
        os.close(read_commands)
        os.close(write_answers)
        self.numbers, self.rest, self.session, self.events = count(1), b"", None, []

    def __enter__(self):
        try:
            self.attach()
        except BaseException:
            self.__exit__()
            raise
        return self

    def attach(self):
        """Take the browser's first page."""
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        os.close(self.answers)
        os.close(self.commands)

    def read(self):
        while b"\0" not in self.rest:
            piece = os.read(self.answers, 65536)
            assert piece, "the browser has gone"
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def open(self, url, width, scheme, height=900):
        """Show a page at a width in pixels, light or dark, and drop the events of before."""
        mobile = width < 700
        sizes = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **sizes)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events = []
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.read())

    def evaluate(self, expression):
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def complaints(self):
        """Return what the page wrote to the console, threw or was refused."""
        kinds = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
        return [event for event in self.events if event.get("method") in kinds]

    def requests(self):
        """Return the addresses that the page requested, without data: addresses."""
        sent = [event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent if not one["request"]["url"].startswith("data:")]

    def photograph(self, path):
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(b64decode(picture["data"]))


@pytest.fixture(scope="session")
def browser():
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, Browser(program, Path(profile)) as opened:
        yield opened


WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")


@pytest.fixture(params=WIDTHS, ids=lambda width: f"{width}px")
def width(request):
    return request.param


@pytest.fixture(params=SCHEMES)
def scheme(request):
    return request.param


@pytest.fixture
def shown(browser, figures, width, scheme, tmp_path):
    """Show the page in the browser, all that is folded opened."""
    report = tmp_path / "report.html"
    report.write_text(page(figures), "utf-8")
    browser.open(report.as_uri(), width, scheme)
    browser.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    return browser


# What lies in a box that scrolls may be wider than the window.
WIDER = """
[...document.querySelectorAll('body *')].filter(one => !one.parentElement.closest('.scroll')).filter(one => {
  const box = one.getBoundingClientRect();
  return box.width && (box.right > innerWidth + 1 || box.left < -1);
}).map(one => `${one.tagName} ${one.textContent.slice(0, 40)}`)
"""

MEETING = """
[...document.querySelectorAll('svg[viewBox]')].flatMap(svg => {
  const own = svg.getBoundingClientRect();
  const labels = [...svg.querySelectorAll('text')].map(one => [one.textContent, one.getBoundingClientRect()]);
  const outside = labels.filter(([, box]) => box.left < own.left - 1 || box.right > own.right + 1);
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top + 1 < b.bottom && b.top + 1 < a.bottom;
  const pairs = labels.flatMap(([text, box], index) =>
    labels.slice(index + 1).filter(([, other]) => meet(box, other)).map(([other]) => `${text} / ${other}`));
  return [...outside.map(([text]) => `${text} leaves the drawing`), ...pairs];
})
"""

COVERED = """(() => {
  const blocks = document.querySelectorAll('h1, h2, h3, h4, h5, p, li, pre, svg, .scroll, summary, figcaption');
  const shown = [...blocks].filter(one => !one.parentElement.closest('svg, .scroll'));
  const boxes = shown.map(one => [one, one.getBoundingClientRect()]).filter(([, box]) => box.width && box.height);
  const beside = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1;
  const apart = (a, b) => beside(a, b) || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
  const name = one => `${one.tagName} ${one.textContent.slice(0, 30)}`;
  return boxes.flatMap(([one, a], index) => boxes.slice(index + 1)
    .filter(([other, b]) => !apart(a, b) && !one.contains(other) && !other.contains(one))
    .map(([other]) => `${name(one)} / ${name(other)}`));
})()"""

FAINT = r"""(() => {
  const bright = colour => {
    const parts = colour.match(/[\d.]+/g).slice(0, 3).map(part => part / 255);
    const [red, green, blue] = parts.map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = one => {
    const colour = getComputedStyle(one).backgroundColor;
    return colour === 'rgba(0, 0, 0, 0)' ? ground(one.parentElement) : colour;
  };
  const contrast = one => {
    const style = getComputedStyle(one);
    const pair = [one instanceof SVGElement ? style.fill : style.color, ground(one)].map(bright);
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  };
  const speaks = one => [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
  return [...document.querySelectorAll('body *:not(title)')]
    .filter(one => one.getBoundingClientRect().width && speaks(one) && contrast(one) < 4.5)
    .map(one => `${contrast(one).toFixed(2)} ${one.tagName} ${one.textContent.slice(0, 30)}`);
})()"""


def test_nothing_is_wider_than_the_window(shown, width):
    assert shown.evaluate("document.documentElement.scrollWidth") == shown.evaluate("innerWidth") == width
    assert shown.evaluate(WIDER) == []


def test_no_two_labels_of_a_drawing_meet(shown):
    assert shown.evaluate(MEETING) == []


def test_nothing_covers_anything(shown):
    assert shown.evaluate(COVERED) == []


def test_all_words_stand_out_from_their_ground(shown):
    assert shown.evaluate(FAINT) == []


def test_the_page_complains_of_nothing_and_asks_for_nothing_but_itself(shown):
    assert shown.complaints() == []
    assert [url.rsplit("/", 1)[-1] for url in shown.requests()] == ["report.html"]


def test_no_script_runs_and_no_image_loads(shown):
    assert shown.evaluate("document.title") != "owned"
    assert shown.evaluate("document.scripts.length + document.images.length") == 0


BROKEN = """<!doctype html><body style="background: white">
<p style="width: 2000px">wide</p><h2 style="color: #ccc; margin: 0">faint</h2><h3 style="margin-top: -20px">over it</h3>
<svg viewBox="0 0 100 50"><text x="10" y="20">one</text><text x="12" y="22">two</text></svg>
<script>console.error("no")</script>"""


def test_what_is_checked_here_would_be_noticed(browser, tmp_path):
    report = tmp_path / "broken.html"
    report.write_text(BROKEN, "utf-8")
    browser.open(report.as_uri(), 1280, "light")
    assert browser.evaluate(WIDER) == ["P wide"]
    assert browser.evaluate(MEETING) == ["one / two"]
    assert browser.evaluate(COVERED) == ["H2 faint / H3 over it"]
    assert [one.split()[1] for one in browser.evaluate(FAINT)] == ["H2"]
    assert len(browser.complaints()) == 1
