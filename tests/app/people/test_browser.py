"""The pages in a real headless Chromium: without JavaScript too, by keyboard, on a phone, and as axe-core sees them."""

from __future__ import annotations

import csv
import json
import re
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from tests.app.conftest import explaining
from tests.conftest import ROOT
from tests.helpers.browsing import chromium, missing
from tests.helpers.serving import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext

    from tests.conftest import Project

pytestmark = pytest.mark.run

AXE = ROOT / "tests/browser/node_modules/axe-core/axe.min.js"
PHONE = {"width": 400, "height": 800}
WIDE = {"width": 1200, "height": 900}


@pytest.fixture(scope="module")
def url(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    with serving(explaining(smoke.folder / "runs/smoke/models", tmp_path_factory.mktemp("models")), port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.fixture
def open_page(browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """Opens pages; afterwards no page may have complained, or have asked another host."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []
    requests: list[str] = []

    def open_(path: str = "/", **options: Any) -> Page:
        context = browser.new_context(accept_downloads=True, **({"viewport": WIDE} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(url + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    # Chromium notes on its console that a form or a file was refused
    assert [text for text in complaints if not re.search(r"status of (400|422)", text)] == []
    assert [asked for asked in requests if not asked.startswith((url, "data:", "blob:"))] == []


def price_of(url: str, **changes: Any) -> str:
    """What the service answers to the example with some changes, as the page shows it."""
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        bodies = json.load(answer)["paths"]["/predict"]["post"]["requestBody"]["content"]
    record = bodies["application/json"]["examples"]["one"]["value"] | changes
    body = json.dumps(record).encode()
    request = urllib.request.Request(f"{url}/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return f"{json.load(answer)['predictions'][0]['prediction']:,.0f} USD"


def table(folder: Path) -> Path:
    """Two good rows and two bad ones."""
    path = folder / "houses.csv"
    path.write_text(
        "Id,MSSubClass,LotArea,YearBuilt\n7,60,9627,1993\n8,20,none of it,1950\n9,20,8000,\n10,20,8000,1950\n"
    )
    return path


def test_the_form_gives_the_price_of_the_service_and_follows_changes(open_page: Callable[..., Page], url: str):
    page = open_page()
    page.get_by_role("button", name="Predict SalePrice").click()
    expect(page.locator(".price")).to_have_text(price_of(url))

    page.get_by_label("LotArea").fill("20000")
    page.get_by_label("MSZoning").select_option("")
    expect(page.locator(".price")).to_have_text(price_of(url, LotArea=20000, MSZoning=None))
    expect(page.locator("#answer")).to_contain_text("MSZoning was missing")


@pytest.mark.parametrize("javascript", [True, False])
def test_the_reasons_stand_below_the_price_and_go_with_it(open_page: Callable[..., Page], javascript: bool):
    page = open_page(java_script_enabled=javascript)
    expect(page.locator(".why")).to_have_count(0)
    page.get_by_label("YearBuilt").fill("1950")
    page.get_by_role("button", name="Predict SalePrice").click()
    row = page.locator(".why tbody tr").first  # the others are as in the typical record

    expect(row).to_contain_text("YearBuilt")
    expect(row.locator("td").nth(0)).to_have_text("1950")
    expect(row.locator("rect")).to_have_class("less")
    assert row.locator("rect").bounding_box()["width"] > 20
    # the table is long: who hears the page is told the price, and finds the reasons behind it
    assert page.locator(".why").evaluate("table => table.closest('[aria-live]')") is None

    page.locator("#one").evaluate("form => form.noValidate = true")
    page.get_by_label("LotArea").fill("1")
    page.get_by_role("button", name="Predict SalePrice").click()
    expect(page.locator(".fault:visible")).to_have_count(1)
    expect(page.locator(".why")).to_have_count(0)


def test_what_training_never_saw_is_told(open_page: Callable[..., Page]):
    page = open_page()
    page.get_by_label("LotArea").fill("900000")
    page.get_by_role("button", name="Predict SalePrice").click()

    expect(page.locator("#answer")).to_contain_text("LotArea (sq ft) 900,000 is above the largest value in training")


def test_a_value_beyond_the_limits_is_refused_at_its_field(open_page: Callable[..., Page]):
    page = open_page()
    field = page.get_by_label("LotArea")
    page.locator("#one").evaluate("form => form.noValidate = true")  # or the browser itself would stop it
    field.fill("1")
    page.get_by_role("button", name="Predict SalePrice").click()
    expect(page.locator(".fault:visible")).to_have_text("Expected a number from 100 to 2,000,000 (sq ft)")
    expect(field).to_have_attribute("aria-invalid", "true")

    field.fill("9000")
    page.get_by_role("button", name="Predict SalePrice").click()
    expect(page.locator(".price")).to_be_visible()
    expect(field).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_table_comes_back_with_its_prices(open_page: Callable[..., Page], tmp_path: Path, javascript: bool):
    page = open_page(java_script_enabled=javascript)
    page.get_by_label("CSV file").set_input_files(table(tmp_path))
    with page.expect_download() as download:
        page.get_by_role("button", name="Predict all").click()
        if javascript:
            expect(page.locator("#table-answer")).to_contain_text("2 predicted, 2 refused")
            page.get_by_role("link", name="Download predictions.csv").click()
    download.value.save_as(tmp_path / "predictions.csv")
    rows = list(csv.DictReader((tmp_path / "predictions.csv").read_text().splitlines()))

    assert download.value.suggested_filename == "predictions.csv"
    assert [row["Id"] for row in rows] == ["7", "8", "9", "10"]
    assert [bool(row["prediction"]) for row in rows] == [True, False, False, True]
    assert rows[1]["LotArea"] == "none of it"
    assert 'LotArea: expected a number from 100 to 2,000,000 (sq ft); got "none of it"' in rows[1]["errors"]


@pytest.mark.parametrize("javascript", [True, False])
def test_a_file_that_is_no_table_is_refused_on_the_page(
    open_page: Callable[..., Page], tmp_path: Path, javascript: bool
):
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    page = open_page(java_script_enabled=javascript)
    page.get_by_label("CSV file").set_input_files(tmp_path / "picture.csv")
    page.get_by_role("button", name="Predict all").click()

    expect(page.get_by_text("The body is not CSV")).to_be_visible()


def test_without_javascript_the_form_works(open_page: Callable[..., Page], url: str):
    page = open_page(java_script_enabled=False)
    page.get_by_label("YearBuilt").fill("1950")
    page.get_by_role("button", name="Predict SalePrice").click()

    expect(page.locator(".price")).to_have_text(price_of(url, YearBuilt=1950))
    expect(page.get_by_label("YearBuilt")).to_have_value("1950")


@pytest.mark.parametrize("javascript", [True, False])
def test_the_address_carries_the_form_for_reload_back_and_others(
    open_page: Callable[..., Page], url: str, javascript: bool
):
    price = price_of(url, YearBuilt=1950, MSZoning=None)
    page = open_page(java_script_enabled=javascript)
    page.get_by_label("YearBuilt").fill("1950")
    page.get_by_label("MSZoning").select_option("")
    page.get_by_role("button", name="Predict SalePrice").click()
    expect(page.locator(".price")).to_have_text(price)
    shared = page.url.removeprefix(url)

    page.reload()
    expect(page.locator(".price")).to_have_text(price)
    page.get_by_role("link", name="API").click()
    page.go_back()
    for each in (page, open_page(shared, java_script_enabled=javascript)):
        expect(each.get_by_label("YearBuilt")).to_have_value("1950")
        expect(each.get_by_label("MSZoning")).to_have_value("")
        expect(each.locator(".price")).to_have_text(price)


def test_a_price_of_other_values_than_those_that_stand_there_is_greyed(open_page: Callable[..., Page], url: str):
    page = open_page()
    page.get_by_role("button", name="Predict SalePrice").click()
    expect(page.locator(".price")).to_be_visible()
    expect(page.locator("#answer")).to_have_css("opacity", "1")

    page.get_by_label("YearBuilt").fill("1950")  # and still in the field
    expect(page.locator("#answer")).to_have_css("opacity", "0.45")
    expect(page.locator("#why")).to_have_css("opacity", "0.45")
    page.get_by_label("YearBuilt").blur()
    expect(page.locator(".price")).to_have_text(price_of(url, YearBuilt=1950))
    expect(page.locator("#answer")).to_have_css("opacity", "1")


@pytest.mark.parametrize("name", ["Predict SalePrice", "Predict all"])
def test_a_button_keeps_the_focus(open_page: Callable[..., Page], tmp_path: Path, name: str):
    page = open_page()
    page.get_by_label("CSV file").set_input_files(table(tmp_path))
    page.get_by_role("button", name=name).press("Enter")
    expect(page.locator(".price, #table-answer a")).to_be_visible()

    expect(page.get_by_role("button", name=name)).to_be_focused()


def test_on_a_phone_the_price_stays_in_sight_while_a_value_is_changed(open_page: Callable[..., Page]):
    page = open_page(viewport=PHONE)
    page.get_by_role("button", name="Predict SalePrice").click()
    expect(page.locator(".price")).to_be_visible()
    for name in ("MSSubClass", "YearBuilt"):
        field = page.get_by_label(name)
        field.scroll_into_view_if_needed()
        expect(page.locator(".price")).to_be_in_viewport(ratio=1)
        expect(field).to_be_in_viewport(ratio=1)


def test_the_answer_to_a_table_is_scrolled_to(open_page: Callable[..., Page], tmp_path: Path):
    page = open_page(viewport={"width": 400, "height": 300})
    page.get_by_label("CSV file").set_input_files(table(tmp_path))
    page.get_by_role("button", name="Predict all").click()

    expect(page.get_by_role("link", name="Download predictions.csv")).to_be_in_viewport()


def test_the_keyboard_is_enough(open_page: Callable[..., Page], url: str):
    page = open_page()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "YearBuilt":
            break
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("1950")
    page.keyboard.press("Enter")

    expect(page.locator(".price")).to_have_text(price_of(url, YearBuilt=1950))
    assert page.evaluate("document.activeElement.name") == "YearBuilt"
    expect(page.locator("#answer")).to_have_attribute("aria-live", "polite")


@pytest.mark.parametrize("example", ["application/json: one", "application/json: several", "text/csv: table"])
def test_the_interface_can_be_tried(open_page: Callable[..., Page], example: str):
    page = open_page("/docs")
    form = page.locator("form[data-path='/predict']")
    form.get_by_label("Example").select_option(label=example)
    form.get_by_role("button", name="Send").click()

    expect(form.locator(".result")).to_contain_text("200 OK")
    expect(form.locator(".result")).to_contain_text('"prediction"')


def pages_of(url: str) -> list[str]:
    with urllib.request.urlopen(f"{url}/report") as answer:
        links = re.findall(r'href="(report/[^"#]+\.html)"', answer.read().decode())
    return ["/", "/docs", "/report", *(f"/{link}" for link in dict.fromkeys(links))]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_no_serious_fault_and_nothing_overflows(
    open_page: Callable[..., Page], url: str, scheme: str, size: dict[str, int]
):
    if not AXE.is_file():
        missing("axe-core is not here: make browser")
    found: dict[str, Any] = {}
    for path in pages_of(url):
        # the page's policy lets no other script in: axe is let past it
        page = open_page(path, color_scheme=scheme, viewport=size, bypass_csp=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} scrolls sideways"
        found |= {path: axe(page)}
        if path == "/":
            page.get_by_label("MSZoning").select_option("")
            page.get_by_role("button", name="Predict SalePrice").click()
            expect(page.locator(".price")).to_be_visible()
            expect(page.locator(".why")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the answer scrolls sideways"
            found["/ with an answer"] = axe(page)
            page.locator("#one").evaluate("form => form.noValidate = true")
            page.get_by_label("LotArea").fill("1")
            page.get_by_role("button", name="Predict SalePrice").click()
            expect(page.locator(".fault:visible")).to_have_count(1)
            found["/ with a fault"] = axe(page)

    assert {where: faults for where, faults in found.items() if faults} == {}


def axe(page: Page) -> list[str]:
    """What axe-core calls serious or critical."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    result = page.evaluate("axe.run({resultTypes: ['violations']})")  # the rest would be listed for nobody, slowly
    return [
        f"{violation['id']}: {violation['nodes'][0]['html'][:200]}"
        for violation in result["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
