"""What the environment may set, each with its default and its limits: `python -m app --help` prints this list."""

import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from registry.records import CHANNEL

ROOT = Path(__file__).resolve().parents[1]


class SettingsProblem(ValueError):
    """A value in the environment that cannot be used, with what was expected."""


class Settings(BaseModel):
    """How the app runs; each field is read from the environment variable of its name in capitals."""

    # without the namespace pydantic would warn of model_version
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    models: Path = Field(ROOT / "models", description="folder with the bundles and the channels")
    channel: str = Field("local", description="the channel whose promotions are followed")
    model_version: str = Field("", description="serve this version and no other, whatever the channel says")
    fallback_models: str = Field(
        "", description="folder whose bundle is served until the channel has one, such as the one in the image"
    )
    public_keys: str = Field(
        "", description="files, by commas, of the public keys (PEM) that must have signed a promotion that is followed"
    )
    release: str = Field("", description="what was deployed, such as the image's digest; /readyz tells it")
    max_records: int = Field(10_000, ge=1, le=1_000_000, description="most records in one request")
    max_body_bytes: int = Field(8 * 1024 * 1024, ge=1000, le=2**30, description="largest body of a request")
    request_seconds: int = Field(60, ge=1, le=3600, description="longest time to read and answer one request")
    follow_seconds: float = Field(
        1, ge=0.05, le=3600, allow_inf_nan=False, description="time between two looks at the channel"
    )
    trusted_proxies: str = Field(
        "",
        description="addresses or networks, by commas, whose X-Forwarded-For, -Proto, -Host and -Prefix are believed",
    )
    allowed_origins: str = Field(
        "", description="origins, by commas, whose pages may ask from a browser, such as https://example.org"
    )
    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 for all")
    port: int = Field(5000, ge=1, le=65535, description="port to listen on")
    workers: int = Field(0, ge=0, le=512, description="worker processes; 0 for one a processor")
    threads: int = Field(1, ge=1, le=512, description="threads of a worker that compute what is large")

    @field_validator("channel")
    @classmethod
    def _is_a_channel(cls, text: str) -> str:
        if not re.fullmatch(CHANNEL, text):
            raise ValueError("a channel's name, such as production: small letters, digits and -, a letter first")
        return text

    @property
    def key_files(self) -> list[Path]:
        """The files of the public keys."""
        return [Path(file) for file in listed(self.public_keys)]

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        try:
            networks_of(text)
        except ValueError:
            raise ValueError(
                "addresses or networks, such as 10.0.0.7 or 10.0.0.0/8, with commas between them"
            ) from None
        return text

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, text: str) -> str:
        if not all(re.fullmatch(r"https?://[\w.:\[\]-]+", origin) for origin in listed(text)):
            raise ValueError("origins as browsers send them, such as https://example.org, with commas between them")
        return text


def listed(text: str) -> list[str]:
    """Read a list with commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def networks_of(text: str) -> list[IPv4Network | IPv6Network]:
    """Read a list of addresses and networks. Raises ValueError."""
    return [ip_network(each, strict=False) for each in listed(text)]


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; an unset or empty variable means the default. Raises SettingsProblem."""
    texts = {name: environment.get(name.upper(), "").strip() for name in Settings.model_fields}
    try:
        return Settings.model_validate({name: text for name, text in texts.items() if text})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        properties = Settings.model_json_schema()["properties"][name]
        numbers = f"a number from {properties.get('minimum')} to {properties.get('maximum')}"
        limits = numbers if "minimum" in properties else first["ctx"]["error"]
        raise SettingsProblem(f"{name.upper()} should be {limits}; found {texts[name][:80]!r}") from None


def describe_settings() -> str:
    """List the variables with their meanings and defaults, one a line."""
    lines = []
    for name, setting in Settings.model_fields.items():
        shown = "models/ beside app/" if name == "models" else setting.default
        default = f" (default: {shown})" if shown != "" else ""
        lines.append(f"  {name.upper():<16}{setting.description}{default}")
    return "\n".join(lines)
