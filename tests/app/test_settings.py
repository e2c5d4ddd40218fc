"""Settings: read from the environment, refused in one sentence, and listed by --help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import ROOT, Settings, SettingsProblem, describe_settings, read_settings

LIMITS = {
    "MAX_RECORDS": (1, 1_000_000),
    "MAX_BODY_BYTES": (1000, 2**30),
    "REQUEST_SECONDS": (1, 3600),
    "PORT": (1, 65535),
    "WORKERS": (0, 512),
    "THREADS": (1, 512),
}
NO_NUMBERS = ["abc", "1.5", "1e3x", "inf", "nan", "true", "5000 5001", "0x10", "9" * 5000]


def test_an_empty_environment_means_the_defaults():
    assert read_settings({}) == Settings()
    assert Settings().models == ROOT / "models"
    assert (Settings().host, Settings().port, Settings().model_version) == ("127.0.0.1", 5000, "")


def test_every_setting_is_read_from_the_variable_of_its_name():
    settings = read_settings(
        {"MODELS": "/srv/models", "MODEL_VERSION": "f" * 64, "RELEASE": "v1", "HOST": "0.0.0.0"}  # noqa: S104 - nothing listens
        | {name: str(most) for name, (_, most) in LIMITS.items()}
    )

    assert (settings.models, settings.model_version, settings.host) == (Path("/srv/models"), "f" * 64, "0.0.0.0")  # noqa: S104
    assert {name: getattr(settings, name.lower()) for name in LIMITS} == {
        name: most for name, (_, most) in LIMITS.items()
    }
    assert settings.release == "v1"
    assert read_settings({"FOLLOW_SECONDS": "0.25"}).follow_seconds == 0.25
    lists = {"TRUSTED_PROXIES": "10.0.0.7, fd00::/8", "ALLOWED_ORIGINS": "https://a.example,http://[::1]:8000"}
    assert {name: getattr(read_settings(lists), name.lower()) for name in lists} == lists
    assert read_settings({"CHANNEL": "production"}).channel == "production"
    assert read_settings({"PUBLIC_KEYS": "/a.pem, /b.pem"}).key_files == [Path("/a.pem"), Path("/b.pem")]
    assert read_settings({"FALLBACK_MODELS": "/srv/models"}).fallback_models == "/srv/models"
    assert len(LIMITS) + len(lists) + 8 == len(Settings.model_fields)


@pytest.mark.parametrize("text", ["../local", "Production", "a/b", "x" * 40])
def test_a_channel_that_can_be_none_is_refused(text: str):
    with pytest.raises(SettingsProblem, match="CHANNEL should be a channel's name, such as production"):
        read_settings({"CHANNEL": text})


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_an_empty_variable_means_the_default(text: str):
    assert read_settings(dict.fromkeys([*LIMITS, "MODELS", "MODEL_VERSION", "HOST"], text)) == Settings()


def test_spaces_around_a_value_do_not_matter():
    assert read_settings({"PORT": " 5001 ", "MODEL_VERSION": f"{'f' * 64}\n"}).model_version == "f" * 64


def test_other_variables_do_not_matter():
    assert read_settings({"PORTS": "1", "port": "2", "SECRET": "x"}) == Settings()


@pytest.mark.parametrize("name", LIMITS)
def test_the_limits_themselves_are_allowed(name: str):
    for value in LIMITS[name]:
        assert getattr(read_settings({name: str(value)}), name.lower()) == value


@pytest.mark.parametrize("name", LIMITS)
def test_a_number_beyond_its_limits_is_refused_with_both(name: str):
    least, most = LIMITS[name]
    for value in (least - 1, most + 1, -(10**30)):
        with pytest.raises(SettingsProblem) as refused:
            read_settings({name: str(value)})
        assert str(refused.value) == f"{name} should be a number from {least} to {most}; found '{value}'"


@pytest.mark.parametrize("text", NO_NUMBERS, ids=lambda text: text[:12])
@pytest.mark.parametrize("name", LIMITS)
def test_what_is_no_whole_number_is_refused(name: str, text: str):
    with pytest.raises(SettingsProblem, match=rf"^{name} should be a number from \d+ to \d+; found '"):
        read_settings({name: text})


@pytest.mark.parametrize("text", ["0", "-1", "0.01", "3601", "nan", "inf", "often"])
def test_the_registry_is_looked_at_neither_all_the_time_nor_never(text: str):
    with pytest.raises(SettingsProblem, match=rf"^FOLLOW_SECONDS should be a number from 0.05 to 3600; found '{text}'"):
        read_settings({"FOLLOW_SECONDS": text})


def test_a_setting_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="extra_forbidden"):
        Settings(prot=5000)


def test_the_list_names_every_setting_with_its_default():
    lines = describe_settings().splitlines()

    assert [line.split()[0] for line in lines] == [name.upper() for name in Settings.model_fields]
    for line, (name, setting) in zip(lines, Settings.model_fields.items(), strict=True):
        assert setting.description in line
        assert str(setting.default) in line or name == "models"
    assert str(ROOT) not in describe_settings()


def test_the_readme_lists_them_alike():
    section = (ROOT / "app/README.md").read_text(encoding="utf-8").partition("## Settings")[2].partition("\n## ")[0]
    rows = [
        [cell.strip().replace("`", "") for cell in line.split("|")[1:4]] for line in section.splitlines() if "|" in line
    ]
    told = {name: [text, default] for name, text, default in rows[2:]}
    settings = {name.upper(): setting for name, setting in Settings.model_fields.items()}

    assert list(told) == list(settings)
    for name, setting in settings.items():
        default = "models/ beside app/" if name == "MODELS" else str(setting.default)
        assert told[name] == [setting.description.replace("`", ""), default]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("TRUSTED_PROXIES", "10.0.0.300", "addresses or networks, such as 10.0.0.7 or 10.0.0.0/8"),
        ("TRUSTED_PROXIES", "*", "addresses or networks, such as 10.0.0.7 or 10.0.0.0/8"),
        ("ALLOWED_ORIGINS", "*", "origins as browsers send them, such as https://example.org"),
        (
            "ALLOWED_ORIGINS",
            "https://a.example, b.example",
            "origins as browsers send them, such as https://example.org",
        ),
        ("ALLOWED_ORIGINS", "https://a.example/", "origins as browsers send them, such as https://example.org"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_with_what_was_expected(name: str, text: str, expected: str):
    with pytest.raises(SettingsProblem) as refused:
        read_settings({name: text})

    assert str(refused.value) == f"{name} should be {expected}, with commas between them; found {text!r}"


def test_help_prints_the_list():
    done = subprocess.run([sys.executable, "-m", "app", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert describe_settings() in done.stdout
    assert done.stderr == ""


def test_without_a_word_the_limits_are_those_that_the_readme_tells():
    settings = Settings()

    assert settings.max_body_bytes == 8 * 1024 * 1024
    assert settings.max_records == 10_000
    assert settings.port == 5000
