"""Secrets are found where they were put, in their order, and are never told."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from collector.errors import ConfigurationError
from collector.probes import specs
from tests.test_settings import BASE, settings

ENVIRON = {"CONSTAT_OUTSCALE_ACCESS_KEY": "AK", "CONSTAT_OUTSCALE_SECRET_KEY": "hush", "CONSTAT_CONFIG": "x"}
PAIR = {"access_key": "AK", "secret_key": "hush"}


def test_credentials_come_from_the_environment(tmp_path: Path) -> None:
    found = settings(tmp_path, BASE, ENVIRON)

    assert found.credentials("outscale") == PAIR
    assert found.credentials_of(found.probes[0]) == PAIR
    assert found.credentials_of(found.probes[1]) == {}


@pytest.mark.parametrize("name", ["outscale", "outscale.json", "outscale.toml"])
def test_what_the_service_manager_hands_over_comes_before_the_environment(tmp_path: Path, name: str) -> None:
    text = (
        'access_key = "AK2"\nsecret_key = "x"\n'
        if name.endswith("toml")
        else '{"access_key": "AK2", "secret_key": "x"}'
    )
    (tmp_path / name).write_text(text)
    environ = {**ENVIRON, "CREDENTIALS_DIRECTORY": str(tmp_path)}

    assert settings(tmp_path, BASE, environ).credentials("outscale")["access_key"] == "AK2"


@pytest.mark.parametrize("spelled", ["region", "region_name"])
def test_a_profile_of_the_providers_own_tools_is_read_in_either_spelling(
    tmp_path: Path, spelled: str
) -> None:
    (tmp_path / ".osc").mkdir()
    profile = {"other": {"access_key": "no"}, "probe": {**PAIR, spelled: "eu-west-2", "https": True}}
    (tmp_path / ".osc/config.json").write_text(json.dumps(profile))
    text = BASE.replace('credentials = "outscale"', 'credentials = "~/.osc/config.json"\nprofile = "probe"')
    found = settings(tmp_path, text, {"HOME": str(tmp_path)})

    assert found.credentials_of(found.probes[0]) == {**PAIR, "region": "eu-west-2"}


def test_a_missing_profile_is_told_and_no_secret_with_it(tmp_path: Path) -> None:
    (tmp_path / "osc.json").write_text(json.dumps({"other": {"secret_key": "hush"}}))
    found = settings(tmp_path, BASE.replace('"outscale"', f'"{tmp_path}/osc.json"', 1))

    with pytest.raises(ConfigurationError) as caught:
        found.credentials_of(found.probes[0])
    assert str(caught.value) == f'{tmp_path}/osc.json: expected a profile "default", got other'


def test_a_garbled_credentials_file_is_told_without_quoting_it(tmp_path: Path) -> None:
    (tmp_path / "osc.json").write_text('{"secret_key": hush}')
    found = settings(tmp_path, BASE.replace('"outscale"', f'"{tmp_path}/osc.json"', 1))

    with pytest.raises(ConfigurationError) as caught:
        found.credentials_of(found.probes[0])
    assert "expected credentials in JSON or TOML" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_kind_that_needs_credentials_and_has_none_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = settings(tmp_path)
    needy = replace(specs()["oapi"], needs=("access_key", "secret_key"))
    monkeypatch.setattr("collector.settings.specs", lambda: {"oapi": needy})

    with pytest.raises(ConfigurationError) as caught:
        found.credentials_of(found.probes[0])
    assert "probe regions: expected access_key and secret_key in the credentials" in str(caught.value)
    assert "CONSTAT_OUTSCALE_…" in str(caught.value)


def test_secrets_are_in_no_printed_form(tmp_path: Path) -> None:
    found = settings(tmp_path, BASE, ENVIRON)

    assert (
        "hush" not in f"{found!r} {found} {found.credentials('outscale')!r} {found.credentials('outscale')}"
    )
    assert "access_key" in repr(found.credentials("outscale"))
