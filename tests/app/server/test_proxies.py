"""Behind a proxy: nginx with TLS and a prefix before the server, Chromium before that; and pages of other origins."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from app import create_app
from app.settings import Settings
from modelbundle.contract import Contract
from tests.helpers.asking import connected, rest_of, wait_for
from tests.helpers.browsing import chromium, missing
from tests.helpers.registry import RECORD
from tests.helpers.serving import answers, free_port, serving
from tests.helpers.stand_in import service_of
from tests.modelbundle.conftest import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask.testing import FlaskClient
    from playwright.sync_api import Browser

FORWARDED = {
    "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "prices.example",
    "X-Forwarded-Prefix": "/prices",
}  # fmt: skip
ORIGIN = "https://allowed.example"


def client(tmp_path: Path, **settings: str) -> FlaskClient:
    app = create_app(Settings(models=tmp_path, **settings))
    contract = Contract.model_validate({"columns": COLUMNS})
    app.extensions["service"] = service_of(contract, lambda records: [1.0] * len(records))
    return app.test_client()


@pytest.mark.parametrize(
    ("peer", "trusted", "believed"),
    [
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.7", "192.0.2.1, 10.0.0.0/8", True),
        ("10.0.0.7", "fd00::/8,10.0.0.8", False),
        ("10.0.0.7", "", False),
        ("", "10.0.0.0/8", False),  # as of a socket in the file system
        ("fd00::1", "fd00::/8", True),
    ],
)
def test_a_proxy_is_believed_if_its_address_is_trusted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, peer: str, trusted: str, believed: bool
):
    caplog.set_level("INFO", "app.watching.access")
    page = client(tmp_path, trusted_proxies=trusted).get(
        "/docs", headers=FORWARDED, environ_overrides={"REMOTE_ADDR": peer}
    )

    assert json.loads(caplog.messages[-1])["remote"] == ("203.0.113.9" if believed else peer)
    assert ("https://prices.example/prices/predict" in page.text) == believed
    assert ("http://localhost/predict" in page.text) != believed


def test_of_a_chain_of_proxies_the_nearest_ones_word_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """What stands before it may be of the client's own making."""
    caplog.set_level("INFO", "app.watching.access")
    forwarded = {"X-Forwarded-For": "1.1.1.1, 203.0.113.9"}
    client(tmp_path, trusted_proxies="127.0.0.1").get("/healthz", headers=forwarded)

    assert json.loads(caplog.messages[-1])["remote"] == "203.0.113.9"


@pytest.mark.parametrize("path", ["/", "/docs", "/nothing/below/here", "/?Area=3&Class=60"])
def test_no_link_of_a_page_leaves_the_folder_that_the_app_is_in(tmp_path: Path, path: str):
    page = client(tmp_path).get(path, headers={"Accept": "text/html"}).text
    links = re.findall(r'(?:href|src|action)="([^"]*)"', page)

    assert len(links) > 5
    depth = path.partition("?")[0].count("/") - 1
    for link in links:
        assert not link.startswith("/")
        assert link.count("../") == depth


def test_pages_of_other_origins_may_ask_if_they_are_on_the_list(tmp_path: Path):
    asking = client(tmp_path, allowed_origins=f"https://other.example, {ORIGIN}")
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    before = asking.options("/predict", headers={"Origin": ORIGIN} | preflight)
    answer = asking.post("/predict", json=RECORD, headers={"Origin": ORIGIN})
    stranger = asking.post("/predict", json=RECORD, headers={"Origin": "https://stranger.example"})

    assert before.status_code == 200
    assert before.headers["Access-Control-Allow-Origin"] == answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in before.headers["Access-Control-Allow-Methods"]
    assert "content-type" in before.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Origin" not in stranger.headers
    assert "Access-Control-Allow-Origin" not in asking.get("/", headers={"Origin": ORIGIN}).headers


def test_by_itself_no_other_origin_may_ask(tmp_path: Path):
    asking = client(tmp_path)

    assert asking.options("/predict", headers={"Origin": ORIGIN}).status_code == 405
    assert "Access-Control-Allow-Origin" not in asking.post("/predict", json=RECORD, headers={"Origin": ORIGIN}).headers


@pytest.mark.run
def test_the_server_itself_believes_nobody(registry: Path):
    """gunicorn takes SCRIPT_NAME and the scheme from the machine that it runs on, and answers 500 to a wrong one."""
    port = free_port()
    head = (
        b"GET /docs HTTP/1.1\r\nHost: a\r\nX-Forwarded-Prefix: /x\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n"
    )
    told = []
    with serving(registry, port, WORKERS="1"):
        for name in (b"SCRIPT_NAME", b"Script-Name", b"PATH_INFO"):
            with connected(port, head + name + b": /x\r\n\r\n") as client:
                told.append(rest_of(client))

    assert [answer[:12] for answer in told] == [b"HTTP/1.1 200"] * 3
    assert all(b"http://a/predict" in answer for answer in told)


CONF = """
daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}}
http {{
  access_log off; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{
    listen 127.0.0.1:{own} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    location /prices/ {{
      proxy_pass http://127.0.0.1:{port}/;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Prefix /prices;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Proxied:
    """A server, its log, nginx before it, and two other sites, of which one is on the list."""

    url: str  # what people know: nginx' address and the prefix
    own: int  # the port of nginx
    port: int  # and that of the server
    log: Path
    friend: str
    stranger: str


@pytest.fixture(scope="module")
def proxied(registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        missing("there is no nginx here; on Debian: apt install nginx")
    folder, (own, port, friend, stranger) = tmp_path_factory.mktemp("nginx"), [free_port() for _ in range(4)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run(
        [*command, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True
    )
    (folder / "nginx.conf").write_text(CONF.format(folder=folder, own=own, port=port))
    site = [
        sys.executable,
        "-m",
        "http.server",
        "--bind",
        "127.0.0.1",
        "--directory",
        str(tmp_path_factory.mktemp("site")),
    ]
    commands = [
        [nginx, "-c", str(folder / "nginx.conf"), "-p", str(folder)],
        [*site, str(friend)],
        [*site, str(stranger)],
    ]
    sites = [f"http://127.0.0.1:{each}" for each in (friend, stranger)]
    how = {"TRUSTED_PROXIES": "127.0.0.1", "ALLOWED_ORIGINS": sites[0], "WORKERS": "1"}
    with serving(registry, port, output=folder / "log", **how), ExitStack() as stack:
        for each in commands:
            process = stack.enter_context(subprocess.Popen(each, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            stack.callback(process.terminate)
        wait_for(lambda: all(answers(each, "/") for each in (friend, stranger)) and _listens(own))
        yield Proxied(f"https://127.0.0.1:{own}/prices/", own, port, folder / "log", *sites)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def asked_from(proxied: Proxied, source: str, path: str, *, directly: bool, **headers: str) -> str:
    """Ask from an address of this machine; returns the address that the log names."""
    context = ssl._create_unverified_context()  # noqa: S323 - the test made the certificate
    far = http.client.HTTPConnection("127.0.0.1", proxied.port, source_address=(source, 0))
    near = http.client.HTTPSConnection("127.0.0.1", proxied.own, source_address=(source, 0), context=context)
    with closing(far if directly else near) as connection:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        asked = connection.getresponse().headers["X-Request-ID"]
    (line,) = [json.loads(line) for line in proxied.log.read_text().splitlines() if asked in line]
    return line["remote"]


@pytest.mark.run
def test_the_log_names_the_client_and_not_the_proxy_nor_what_somebody_else_says(proxied: Proxied):
    """Linux answers for all of 127.0.0.0/8; 127.0.0.1 is the proxy that is trusted."""
    assert asked_from(proxied, "127.0.0.2", "/prices/healthz", directly=False) == "127.0.0.2"
    assert asked_from(proxied, "127.0.0.2", "/prices/healthz", directly=False, X_Forwarded_For="1.1.1.1") == "127.0.0.2"
    assert asked_from(proxied, "127.0.0.2", "/healthz", directly=True, X_Forwarded_For="1.1.1.1") == "127.0.0.2"
    assert asked_from(proxied, "127.0.0.1", "/healthz", directly=True, X_Forwarded_For="1.1.1.1") == "1.1.1.1"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.mark.run
def test_below_a_prefix_people_find_everything(browser: Browser, proxied: Proxied, tmp_path: Path):
    context = browser.new_context(ignore_https_errors=True, accept_downloads=True)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(proxied.url)
    page.get_by_role("button", name="Predict SalePrice").click()
    expect(page.locator(".price")).to_be_visible()
    page.reload()
    expect(page.locator(".price")).to_be_visible()
    (tmp_path / "houses.csv").write_text("MSSubClass,LotArea,YearBuilt\n60,9627,1993\n")
    page.get_by_label("CSV file").set_input_files(tmp_path / "houses.csv")
    page.get_by_role("button", name="Predict all").click()
    expect(page.locator("#table-answer")).to_contain_text("1 predicted, 0 refused")

    page.get_by_role("link", name="API").click()
    form = page.locator("form[data-path='/predict']")
    form.get_by_role("button", name="Send").click()
    expect(form.locator(".result")).to_contain_text("200 OK")
    expect(form.locator(".send code")).to_contain_text(f"{proxied.url}predict")

    page.get_by_role("link", name="Report").click()
    page.get_by_role("link", name="Data", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_role("link", name="Predict", exact=True).click()
    expect(page.get_by_role("button", name="Predict SalePrice")).to_be_visible()

    assert page.goto(f"{proxied.url}report/none/here.html").status == 404
    page.get_by_role("link", name="form").click()
    expect(page.get_by_role("button", name="Predict SalePrice")).to_be_visible()
    assert [each for each in asked if not each.startswith((proxied.url, "blob:"))] == []
    context.close()


@pytest.mark.run
def test_a_page_of_another_origin_may_ask_if_it_is_on_the_list(browser: Browser, proxied: Proxied):
    """In the browser, which asks before it sends JSON to another origin."""
    fetching = """url => fetch(url, {method: "POST", headers: {"Content-Type": "application/json"},
        body: '{"MSSubClass": 60, "LotArea": 9627, "YearBuilt": 1993}'})
        .then(answer => answer.json().then(told => [answer.headers.get("Model-Name"), told.predictions.length]),
              error => error.name)"""
    found = {}
    for site in (proxied.friend, proxied.stranger):
        page = browser.new_page()
        page.goto(site)
        found[site] = page.evaluate(fetching, f"http://127.0.0.1:{proxied.port}/predict")
        page.close()

    assert found == {proxied.friend: ["smoke", 1], proxied.stranger: "TypeError"}
