"""The report as its reader opens it: one file, no network, nothing wider than the window, light and dark."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.browsing import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.conftest import Project

pytestmark = pytest.mark.run


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


def pages(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.html"))
    assert len(found) == 8  # the front page; data, preprocessing, four candidates, model card
    return found


def reports(smoke: Project) -> list[Path]:
    """Where the reports stand: beside the run, and inside the bundle."""
    return [smoke.folder / "reports/smoke", smoke.folder / "runs/smoke/models/bundles" / smoke.version() / "reports"]


def test_every_link_leads_to_a_page_here_and_in_the_bundle(smoke: Project):
    for folder in reports(smoke):
        for page in pages(folder):
            links = re.findall(r'href="([^"#:]+)(?:#[^"]*)?"', page.read_text())
            assert len(set(links)) >= 7, "each page leads to the others"
            for link in links:
                assert (page.parent / link).is_file(), f"{page.name} links to {link}"


def test_no_page_loads_anything_from_anywhere(smoke: Project):
    for page in pages(reports(smoke)[0]):
        text = page.read_text()

        assert not re.search(r"<(script|link|iframe|object)\b", text)
        assert not re.search(r"""\bsrc=["'](?!data:)""", text)
        assert not re.search(r"@import|url\((?!#|data:)", text)


def test_no_page_shows_paths_of_the_machine_that_made_it(smoke: Project):
    for page in pages(reports(smoke)[0]):
        assert str(smoke.folder) not in page.read_text()


def test_the_front_page_opens_with_what_a_decision_maker_asks(smoke: Project):
    text = (smoke.folder / "reports/smoke/report.html").read_text()
    opening = re.sub(r"<[^>]+>", " ", text[text.index("<main>") : text.index("Which candidate is best, and")])

    for answer in ("svr is chosen", "RMSE is", "USD", "without any model (the mean)", "90 % interval"):
        assert answer in opening
    assert len(re.sub(r"Run card.*|Code.*", "", opening).split()) < 250  # one minute


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_the_window_and_can_be_read(smoke: Project, browser: Browser, width: int, scheme: str):
    for path in pages(reports(smoke)[0]):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        noise: list[str] = []
        page.on("console", lambda message, noise=noise: noise.append(message.text))
        page.on("request", lambda request, noise=noise: noise.append(request.url))
        page.goto(path.as_uri())

        assert noise == [path.as_uri()], "a page makes no other request and no complaint"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
        assert contrast(page) >= 4.5, path.name
        assert not page.locator("details.code[open]").count()
        page.close()


def contrast(page: Page) -> float:
    """Contrast of the page's text with its ground, as WCAG 2 defines it."""
    colours = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        ".map(text => text.match(/[\\d.]+/g).slice(0, 3).map(Number))"
    )
    light, dark = sorted((luminance(colour) for colour in colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: list[float]) -> float:
    parts = [value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_its_figures_name_their_axes_and_units(smoke: Project):
    text = (smoke.folder / "reports/smoke/report.html").read_text()

    for label in ("RMSE (USD)", "actual SalePrice (USD)", "predicted (USD)", "median absolute error (USD)"):
        assert label in text
