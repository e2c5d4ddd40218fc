"""Take the README's two pictures from the served app: `make pictures`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent
PORT = "5098"
URL = f"http://127.0.0.1:{PORT}"
SIZE = {"width": 900, "height": 1500}


def main() -> None:
    """Start the app, photograph its page with an answer and the top of the report, stop the app."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        sys.exit("make pictures: there is no Chromium here; on Debian: apt install chromium")
    app = subprocess.Popen(
        [sys.executable, "-m", "app"], cwd=FOLDER.parent, env=os.environ | {"PORT": PORT}, stdout=subprocess.DEVNULL
    )
    try:
        wait_until_ready()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.goto(f"{URL}/")
            page.get_by_role("button", name="Predict ").first.click()
            page.locator(".price").wait_for()
            page.screenshot(path=FOLDER / "page.png")
            page.goto(f"{URL}/report")
            page.screenshot(path=FOLDER / "report.png", clip={"x": 0, "y": 0, **SIZE, "height": 980})
            browser.close()
    finally:
        app.terminate()
        app.wait()


def wait_until_ready() -> None:
    """Wait until the app serves a bundle; ends the program if it does not."""
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{URL}/readyz", timeout=5).close()  # noqa: S310 - our own server
            return
        except urllib.error.HTTPError as error:
            sys.exit(f"make pictures: {error.read().decode()}")
        except OSError:
            time.sleep(0.1)
    sys.exit("make pictures: the app did not answer within 30 seconds")


if __name__ == "__main__":
    main()
