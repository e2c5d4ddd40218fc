"""Behind a proxy: whom to believe about the client's address, scheme and prefix; and which other pages may ask."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from app.settings import Settings, listed, networks_of

if TYPE_CHECKING:
    from flask import Flask


def believe(app: Flask, settings: Settings) -> None:
    """Let the app believe the headers of trusted proxies, of the nearest one alone, and of nobody else."""
    networks = networks_of(settings.trusted_proxies)
    direct, forwarded = app.wsgi_app, ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)

    def wsgi_app(environ: dict[str, Any], start_response: Any) -> Any:
        peer = environ.get("REMOTE_ADDR", "")
        trusted = bool(peer) and any(ip_address(peer) in network for network in networks)
        return (forwarded if trusted else direct)(environ, start_response)

    if networks:
        app.wsgi_app = wsgi_app


def let_in(app: Flask, settings: Settings, paths: Iterable[str]) -> None:
    """Let pages of the allowed origins ask these paths from a browser."""
    if origins := listed(settings.allowed_origins):
        rules = {"origins": origins, "expose_headers": ["Model-Name", "Model-Version", "X-Request-ID"]}
        CORS(app, resources=dict.fromkeys(paths, rules), max_age=600)
