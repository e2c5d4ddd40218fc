"""A whole run on data whose names, categories, units, title and identifiers are odd: each is read as it was written."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import yaml

from app import create_app
from app.settings import Settings
from modelbundle.digests import digest_file
from tests.conftest import Project, copy_checkout, made_once, shared_folder
from tests.helpers.texts import Page, seen

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

pytestmark = [pytest.mark.run, pytest.mark.slow]

KINDS = [
    "$$", "$x$", r"$\frac{1}{$", "_private", "a|b", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "**b**", "[x](http://y)", "# h", "&amp;", "`code`", r"\alpha", "50 %", "äöü 😀", "{{7*7}}", "{% raw %}", "#2b2d31",
    "]]>", 'id="x" href="#y"', "<!-- c", "two  blanks",
]  # fmt: skip
ID, AREA, AGE, KIND, FLAG = "# id $$", "**area** $x$", "<b>age</b>", "a|b [x](http://y)", "_private"
TARGET, UNIT, LEFT_OUT = "`price` $$ <i>t</i>", "<u>$</u> *u*", "&amp; *left* $out$"
TITLE = "# <i>Title</i> $t$ **x** | {{7*7}} @me http://z.y"
MEANING = "![d](http://e) <script>alert(2)</script> $d$ | **d**"
WRONG = "<em>$$ **x** | `y`</em>"
CONF = {
    "name": "odd",
    "title": TITLE,
    "data": {"path": "data/odd.csv"},
    "contract": {
        "columns": {
            ID: {"role": "identifier", "kind": "categorical"},
            AREA: {"kind": "numeric", "unit": "$m^2$", "description": MEANING},
            AGE: {"kind": "numeric", "unit": "_y_"},
            KIND: {"kind": "categorical", "required": True, "description": "<b>c</b> `c`", "categories": KINDS},
            FLAG: {"kind": "categorical"},
            TARGET: {"role": "target", "kind": "numeric", "unit": UNIT},
        }
    },
    "split": {"folds": 3, "repeats": 1, "seed": 1},
    "metric": "neg_root_mean_squared_error",
    "also_report": ["neg_mean_squared_error"],
    "candidates": {
        "_mean_": {"estimator": "sklearn.dummy.DummyRegressor", "baseline": True},
        "__ridge__": {"estimator": "sklearn.linear_model.Ridge", "preprocessing": "splines"},
        "_lasso_": {"estimator": "sklearn.linear_model.Lasso", "preprocessing": "scaled"},
        "_wrong_": {"estimator": "sklearn.linear_model.Ridge", "parameters": {"solver": WRONG}},
    },
    "learning_curve": [0.5, 1.0],
}
OURS = {
    "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "footer", "p", "a", "h1",
    "h2", "h3", "ul", "ol", "li", "strong", "code", "pre", "details", "summary", "div", "table", "thead", "tbody", "tr",
    "th", "td", "figure", "svg", "g", "path", "defs", "use", "rect", "clippath", "text", "tspan", "image", "metadata",
    "rdf:rdf", "cc:work", "dc:type", "dc:format", "dc:date", "dc:creator",
}  # fmt: skip


def write_table(path: Path) -> None:
    rows = 20 * len(KINDS)
    random = np.random.default_rng(0)
    kind = random.permutation(rows) % len(KINDS)
    area, age = random.uniform(10, 99, rows), random.integers(1, 60, rows).astype(float)
    price = 200 + 2 * area - age + 9 * kind + random.normal(0, 8, rows)
    area[0], age[1] = 4000, np.nan
    names = [f"**{row}** $<b>{row}</b>$ _i_" for row in range(rows)]
    table = pd.DataFrame({ID: names, AREA: area, AGE: age, KIND: np.array(KINDS)[kind]})
    table[FLAG] = random.choice(["_p_", "$q$"], rows)
    table.assign(**{TARGET: price.round(2), LEFT_OUT: "-"}).to_csv(path, index=False)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Project:
    base = shared_folder(tmp_path_factory) / "odd texts"
    return Project(made_once(base, lambda: run_odd(base / "checkout")) / "checkout")


def run_odd(folder: Path) -> None:
    project = copy_checkout(folder)
    write_table(project.folder / "data/odd.csv")
    (project.folder / "conf/odd.yaml").write_text(yaml.safe_dump(CONF, sort_keys=False, allow_unicode=True))
    done = project.run("conf/odd.yaml")
    assert "publish failed: 1 of the candidates failed" in done.stderr, done.stdout + done.stderr
    assert done.stderr.count(" failed: ") == 1, "no notebook fails for a text, and the wrong candidate keeps none back"


@pytest.fixture(scope="module")
def pages(odd: Project) -> dict[str, Page]:
    files = (odd.folder / "reports/odd").rglob("*.html")
    return {path.stem: Page(path.read_text(encoding="utf-8")) for path in files}


@pytest.fixture(scope="module")
def client(odd: Project, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """The app with the drafted bundle, which the failed candidate keeps from being published."""
    models, draft = tmp_path_factory.mktemp("models"), odd.folder / "runs/odd/05_publish/bundle"
    version = digest_file(draft / "manifest.json")
    shutil.copytree(draft, models / version)
    shutil.copytree(odd.folder / "reports/odd", models / version / "reports")
    (models / "current").write_text(version)
    return create_app(Settings(models=models)).test_client()


def test_no_page_of_the_report_has_an_element_made_of_data(pages: dict[str, Page]):
    assert len(pages) == 8
    for name, page in pages.items():
        assert {element for element, _ in page.elements} <= OURS, name
        links = [attributes["href"] for element, attributes in page.elements if element == "a"]
        assert all(re.fullmatch(r"[./\w-]+\.html", link) for link in links), name


def test_the_texts_are_read_on_the_pages_as_they_were_written(pages: dict[str, Page]):
    for name, page in pages.items():
        assert TITLE in page.text, name
    for name in ("01_eda", "report", "model_card"):
        for text in (TARGET, UNIT, AREA, AGE, KIND, FLAG, ID):
            assert text in pages[name].text, (name, text)
    for name in ("report", "model_card"):
        for text in KINDS:
            assert seen(text) in pages[name].text, (name, text)
    for text in (MEANING, LEFT_OUT, "_wrong_", "__ridge__"):
        assert text in pages["model_card"].text
    assert "its fit raised InvalidParameterError: The 'solver' parameter of Ridge" in pages["03_train-_wrong_"].text
    for name in ("03_train-_wrong_", "report"):
        assert WRONG in pages[name].text


def test_bold_are_the_words_that_we_made_bold(odd: Project):
    for path in (odd.folder / "reports/odd").rglob("*.html"):
        for words in re.findall(r"<(strong|em|code|del)>(.*?)</\1>", path.read_text(encoding="utf-8"), re.DOTALL):
            assert words[1] not in ("area", "b", "x", "d", "code", "price", "c", "y", "private", "i"), path.name


def test_the_apps_pages_show_them_too(client: FlaskClient):
    for path in ("/", "/docs"):
        page = Page(client.get(path, headers={"Accept": "text/html"}).text)
        odd = {"b", "i", "u", "em", "img"} & {element for element, _ in page.elements}

        assert not odd
        assert not [attributes for element, attributes in page.elements if element == "script" and not attributes]
        for text in (TITLE, AREA, AGE, KIND, FLAG, MEANING):
            assert text in page.text
    for path in ("/report", "/report/model_card.html", "/openapi.json"):
        assert client.get(path).status_code == 200


def test_each_category_goes_through_the_form_as_it_is(client: FlaskClient):
    page = Page(client.get("/", headers={"Accept": "text/html"}).text)
    offered = [attributes.get("value") for element, attributes in page.elements if element == "option"]

    assert set(KINDS) <= set(offered), "a browser would send an option without a value with its blanks run together"
    for text in KINDS:
        answer = client.post("/", data={AREA: "50", AGE: "7", KIND: text, FLAG: "$q$"}, headers={"Accept": "text/html"})
        assert answer.status_code == 200
        assert "Trust this less" not in answer.text, text
