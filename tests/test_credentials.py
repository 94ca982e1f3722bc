"""Secrets are found where they were put, in their order, and are never told."""

import json
import os
import re
from pathlib import Path

import pytest

from collector.daemon import made_ready
from collector.errors import ConfigurationError
from tests.conftest import needs_root
from tests.test_settings import BASE, SIGNED, STORED, settings

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


@pytest.mark.parametrize("text", ["{", '{"a":' + "[" * 100_000, "a = " + "[" * 100_000, "a = " + "9" * 5000])
def test_what_holds_no_credentials_is_told_whatever_it_holds(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text)
    found = settings(tmp_path, BASE.replace('"outscale"', f'"{tmp_path}/keys"', 1))

    with pytest.raises(ConfigurationError, match="expected credentials in JSON or TOML, got"):
        found.credentials_of(found.probes[0])


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


def test_keys_that_are_named_and_not_there_are_told_with_where_they_were_looked_for(tmp_path: Path) -> None:
    environ = {"CONSTAT_OUTSCALE_ACCESS_KEY": "AK", "CONSTAT_OUTSCALE_SECRET_KEY": ""}
    found = settings(tmp_path, BASE + SIGNED + STORED, environ)

    with pytest.raises(ConfigurationError) as caught:
        made_ready(found, found.probes)
    told = caught.value.problems
    assert [re.findall(r"probe (\w+): expected (.*?) in", one) for one in told] == [
        [("r", "secret_key")],
        [("s", "secret_key")],
    ]
    assert all("looked for CONSTAT_OUTSCALE_… in the environment" in one for one in told)


def test_credentials_in_a_directory_that_is_not_ours_are_told(tmp_path: Path) -> None:
    needs_root()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "outscale").write_text('access_key = "AK"')
    found = settings(tmp_path, BASE, {"CREDENTIALS_DIRECTORY": str(closed)})
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigurationError, match="expected readable credentials, got: Permission denied"):
            found.credentials("outscale")
    finally:
        os.seteuid(0)


def test_secrets_are_in_no_printed_form(tmp_path: Path) -> None:
    found = settings(tmp_path, BASE, ENVIRON)

    assert (
        "hush" not in f"{found!r} {found} {found.credentials('outscale')!r} {found.credentials('outscale')}"
    )
    assert "access_key" in repr(found.credentials("outscale"))
