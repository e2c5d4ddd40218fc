"""The app: serves the current bundle and its reports, and knows nothing of how the model was made."""

import traceback
from typing import Any

from flask import Flask, g, make_response, request
from werkzeug.exceptions import HTTPException

from app.people import pages
from app.problems import MEDIA_TYPE, Problem, http_problem, problem_response
from app.programs import predict
from app.server import body, proxies
from app.settings import Settings, read_settings
from app.standing import follow, status
from app.watching import access

FOR_PEOPLE = {
    "/": pages.home,
    "/docs": pages.docs,
    "/report": pages.report,
    "/report.html": pages.report,
    "/report/<path:page>": pages.report_page,
    "/static/<name>": pages.static,
    "/favicon.ico": pages.icon,
}
FORMS = {"/": pages.one, "/table": pages.many}
FOR_MACHINES = {
    "/healthz": status.healthz,
    "/readyz": status.readyz,
    "/model": status.model,
    "/openapi.json": status.openapi,
    "/metrics": status.prometheus,
    "/ping": predict.ping,
    "/health": predict.ping,
    "/version": predict.version,
}
PRICES = {"/predict": predict.predict, "/invocations": predict.invocations}


def create_app(settings: Settings | None = None) -> Flask:
    """Make the app around the registry's current bundle; settings are read from the environment if none are given.

    Without a verified bundle it starts all the same, answers 503 with the reason, and writes it to the log. In a
    process that calls follow.start(app), as each worker does, the app serves what the registry names later.
    """
    settings = settings or read_settings()
    app = Flask(__name__, static_folder=None, template_folder="people/templates")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["MAX_RECORDS"] = settings.max_records
    app.config["RELEASE"] = settings.release
    app.json.sort_keys = False
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.policies["json.dumps_kwargs"] = {"sort_keys": False}
    app.extensions |= {"service": None, "following": follow.Following(settings)}
    follow.load(app)
    for path, view in (FOR_PEOPLE | FOR_MACHINES).items():
        app.add_url_rule(path, f"GET {path}", view)
    for path, view in (FORMS | PRICES).items():
        options = None if settings.allowed_origins and path in PRICES else False  # browsers ask for other origins' sake
        app.add_url_rule(path, f"POST {path}", view, methods=["POST"], provide_automatic_options=options)
    proxies.believe(app, settings)
    proxies.let_in(app, settings, FOR_MACHINES | PRICES)
    app.context_processor(lambda: {"root": pages.root()})
    access.watch(app)
    app.before_request(body.receive)
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(HTTPException, _http_error)
    return app


def _problem(problem: Problem) -> Any:
    # what a client did wrong is told to the client: the detail may quote what it sent, and that stays out of the log
    g.reason = problem.title if problem.status < 500 else f"{problem.title}: {problem.detail}"
    rule = request.url_rule.rule if request.url_rule else ""
    asks_for_a_page = rule in FOR_PEOPLE | FORMS and request.accept_mimetypes.accept_html
    return pages.refusal(problem) if asks_for_a_page else problem_response(problem)


def _http_error(error: HTTPException) -> Any:
    if original := getattr(error, "original_exception", None):
        g.traceback = "".join(traceback.format_exception(original))
    problem = http_problem(error)
    by_a_browser = request.accept_mimetypes.best_match([MEDIA_TYPE, "text/html"]) == "text/html"
    for_people = by_a_browser and problem.status in (404, 405)
    response = make_response(pages.refusal(problem) if for_people else problem_response(problem))
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(allowed)
    return response
