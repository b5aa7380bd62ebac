"""A real Chromium, driven over WebDriver: chromedriver speaks it over plain HTTP, so urllib is enough."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

PATIENCE_S = 60.0  # on a busy machine; nobody waits so long otherwise
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of a reference to an element, fixed by the standard
OPTIONS = {
    "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"],
}
KEYS = {"left": "\ue012", "right": "\ue014", "end": "\ue010", "home": "\ue011", "escape": "\ue00c", "shift": "\ue008"}
T = TypeVar("T")
direct = build_opener(ProxyHandler({}))


def missing() -> str | None:
    """Why there is no browser to test with; None: there is one."""
    gone = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"no {' and no '.join(gone)}; on Debian: apt-get install chromium chromium-driver" if gone else None


class Browser:
    """One session. Everything is over when ``close`` returns."""

    def __init__(self, log: Path) -> None:
        self.driver = subprocess.Popen(
            [shutil.which("chromedriver") or "chromedriver", "--port=0"],
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            port = self.wait(lambda: re.search(rb"successfully on port (\d+)", log.read_bytes()))
            self.base = f"http://127.0.0.1:{int(port[1])}"
            chromium = {**OPTIONS, "binary": shutil.which("chromium")}
            wanted = {"goog:chromeOptions": chromium, "goog:loggingPrefs": {"browser": "ALL"}}
            made = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self.base += f"/session/{made['sessionId']}"
        except BaseException:
            os.killpg(self.driver.pid, signal.SIGKILL)
            raise

    def close(self) -> None:
        """Leave nothing running."""
        try:
            self.ask("DELETE", "", None)
        finally:
            os.killpg(self.driver.pid, signal.SIGKILL)  # the browser, too, where it did not answer any more
            self.driver.wait(PATIENCE_S)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One command; the error text of the driver is in what is raised."""
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with direct.open(request, timeout=PATIENCE_S) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            raise AssertionError(f"{method} {path}: {json.load(error)['value']['message']}") from None

    def wait(self, condition: Callable[[], T | None]) -> T:
        """Until it holds."""
        until = time.monotonic() + PATIENCE_S
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > until:
                raise AssertionError("waited in vain")
            time.sleep(0.05)

    # -- the page --------------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Load a file, and wait until its scripts are done."""
        self.ask("POST", "/url", {"url": path.absolute().as_uri()})
        self.wait(lambda: self.run("return document.documentElement.dataset.ready"))
        self.settle()

    def run(self, script: str, *arguments: object) -> Any:
        """What a script returns."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def settle(self) -> None:
        """Until everything that was asked for is drawn."""
        script = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(1)))"
        self.ask("POST", "/execute/async", {"script": script, "args": []})

    def text(self, selector: str) -> str:
        """What a person reads there."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def element(self, selector: str) -> str:
        """A reference to the first one."""
        return str(self.ask("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT])

    def click(self, selector: str) -> None:
        """As a person does: it has to be there, and nothing above it."""
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        self.ask("POST", f"/element/{self.element(selector)}/click")
        self.settle()

    def press(self, selector: str, *keys: str) -> None:
        """Keys, on an element that gets the focus for it."""
        self.run("document.querySelector(arguments[0]).focus()", selector)
        actions = []
        for key in keys:
            held, _, last = key.rpartition("+") if len(key) > 1 else ("", "", key)
            if held:
                actions.append({"type": "keyDown", "value": KEYS[held]})
            actions += [{"type": kind, "value": KEYS.get(last, last)} for kind in ("keyDown", "keyUp")]
            if held:
                actions.append({"type": "keyUp", "value": KEYS[held]})
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})
        self.settle()

    def point(self, selector: str, *steps: tuple[str, float], kind: str = "mouse") -> None:
        """Move, press ("down") and let go ("up") at shares of an element's width, half way up."""
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        box = self.run("const b = document.querySelector(arguments[0]).getBoundingClientRect();"
                       " return [b.left, b.top + b.height / 2, b.width]", selector)  # fmt: skip
        actions: list[dict[str, object]] = []
        for step, share in steps:
            x, y = round(box[0] + box[2] * share), round(box[1])
            actions.append({"type": "pointerMove", "duration": 0, "x": x, "y": y})
            if step != "move":
                actions.append({"type": f"pointer{step.title()}", "button": 0})
        source = {"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": actions}
        self.ask("POST", "/actions", {"actions": [source]})
        self.settle()

    def wheel(self, selector: str, share: float, amount: int) -> None:
        """Turn the wheel over an element."""
        box = self.run("const b = document.querySelector(arguments[0]).getBoundingClientRect();"
                       " return [b.left + b.width * arguments[1], b.top + b.height / 2]", selector, share)  # fmt: skip
        place = {"x": round(box[0]), "y": round(box[1])}
        turned = {"type": "scroll", **place, "deltaX": 0, "deltaY": amount, "duration": 0}
        self.ask("POST", "/actions", {"actions": [{"type": "wheel", "id": "wheel", "actions": [turned]}]})
        self.settle()

    def size(self, width: int, height: int) -> None:
        """Of the page, as a device of that size has it."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", metrics)
        self.settle()

    def prefer(self, **features: str) -> None:
        """What the system prefers: color_scheme="dark"; or media="print"."""
        media = features.pop("media", "")
        wanted = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.command("Emulation.setEmulatedMedia", {"media": media, "features": wanted})
        self.settle()

    def command(self, name: str, parameters: Mapping[str, object]) -> Any:
        """A command of the DevTools protocol."""
        return self.ask("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def picture(self, path: Path, whole: bool = True) -> None:
        """A screenshot, of the whole page."""
        shot = self.command("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """What the console got since the last time that was asked: errors and warnings."""
        said = self.ask("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in said if entry["level"] in ("SEVERE", "WARNING")]
