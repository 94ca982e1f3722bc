"""The tables [[authority]]: mistakes told at their place, secrets found by name, files looked at in time."""

from pathlib import Path

import pytest

from collector import contracts
from collector.core.timeline import DAY, MINUTE
from collector.errors import ConfigurationError
from collector.settings import Settings, load
from tests.servers.authority import Keys
from tests.test_daemon import HEAD


def read(directory: Path, *tables: str, environ: dict[str, str] | None = None) -> Settings:
    file = directory / "constat.toml"
    file.write_text(HEAD + "".join(f"\n[[authority]]\n{table}\n" for table in tables))
    return load(file, environ or {}, contracts.load)


def told(directory: Path, *tables: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(directory, *tables, environ=environ).stamping()
    return [problem.removeprefix(f"{directory}/constat.toml: ") for problem in caught.value.problems]


PLAIN = 'name = "one"\nurl = "https://tsa.example/x"\nca = "ca.pem"'


def test_an_authority_and_its_defaults(tmp_path: Path) -> None:
    [found] = read(tmp_path, PLAIN).authorities

    assert (found.name, found.url, found.ca) == ("one", "https://tsa.example/x", tmp_path / "ca.pem")
    assert (found.chain, found.crl, found.policy, found.every, found.user) == (None, None, "", MINUTE, "")


def test_all_that_an_authority_can_be_told(tmp_path: Path, keys: Keys) -> None:
    [found] = read(
        tmp_path,
        f'name = "a-2"\nurl = "http://tsa.example:8080/"\nca = "{keys.ca}"\nchain = "{keys.chain}"\n'
        f'crl = "{keys.crl}"\npolicy = "1.2.3.4"\nevery = "1 d"',
    ).stamping()

    assert (found.ca, found.chain, found.crl) == (keys.ca, keys.chain, keys.crl)
    assert (found.policy, found.every) == ("1.2.3.4", DAY)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({'"one"': '"One!"'}, """authority[0].name: expected up to 64 of a-z, 0-9 and '-', as in"""),
        ({'"one"': '""'}, "authority[0].name: expected up to 64"),
        ({'"one"': '"../x"'}, "authority[0].name: expected up to 64"),
        ({"https://tsa": "ftp://tsa"}, 'authority[0].url: expected "http://…" or "https://…", got "ftp:'),
        ({"https://": "https://ada:pw@"}, 'authority[0].url: expected "http://…" or "https://…", got'),
        ({"ca.pem\"": 'ca.pem"\npolicy = "any"'}, 'authority[0].policy: expected an object identifier like'),
        ({"ca.pem\"": 'ca.pem"\nevery = "10 ms"'}, 'authority[0].every: expected at least "1 s"'),
        ({"ca.pem\"": 'ca.pem"\nevery = 60'}, 'authority[0].every: expected a duration like "10s", got 60'),
        ({"ca = ": "root = "}, "authority[0].root: unknown key"),
        (
            {"https://": "http://", "ca.pem\"": 'ca.pem"\ncredentials = "tsa"'},
            'authority[0].url: expected "https://…", since it is sent a password, got "http://tsa.example/x"',
        ),
        (
            {"https://": "http://", "/x": "?x=1", "ca.pem\"": 'ca.pem"\ncredentials = "tsa"'},
            'authority[0].url: expected "https://…", since it is sent a password, got "http://tsa.example?x=1"',
        ),
        ({"tsa.example/x": "["}, 'authority[0].url: expected a name or an address, got "["'),
        ({"ca.pem": r"a\u0000b"}, r'authority[0].ca: expected the name of a file, got "a\u0000b"'),
        ({"ca.pem\"": 'ca.pem"\nchain = "\\u0000"'}, "authority[0].chain: expected the name of a file, got"),
        ({"ca.pem\"": 'ca.pem"\ncrl = "\\u0000"'}, "authority[0].crl: expected the name of a file, got"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_place(tmp_path: Path, change: dict[str, str], says: str) -> None:
    table = PLAIN
    for old, new in change.items():
        table = table.replace(old, new)

    assert told(tmp_path, table)[0].startswith(says)


def test_credentials_may_go_to_an_address_with_a_query_and_no_path(tmp_path: Path) -> None:
    table = PLAIN.replace("tsa.example/x", "tsa.example?x=1") + '\ncredentials = "tsa"'

    assert [one.url for one in read(tmp_path, table).authorities] == ["https://tsa.example?x=1"]


def test_a_name_stands_for_one_authority(tmp_path: Path) -> None:
    [problem] = told(tmp_path, PLAIN, PLAIN)

    assert problem.startswith("authority[1].name: expected a name of its own, got")


def test_files_that_will_not_do_are_told_before_anything_is_asked(tmp_path: Path) -> None:
    assert told(tmp_path, PLAIN) == [
        f"authority one: ca: {tmp_path}/ca.pem: expected a readable file, got: No such file or directory"
    ]


def test_user_and_password_are_found_by_name_and_never_shown(tmp_path: Path, keys: Keys) -> None:
    table = PLAIN.replace("ca.pem", str(keys.ca)) + '\ncredentials = "my-tsa"'
    environ = {"CONSTAT_MY_TSA_USER": "ada", "CONSTAT_MY_TSA_PASSWORD": "sesame"}
    settings = read(tmp_path, table, environ=environ)
    [found] = settings.stamping()

    assert (found.user, found.password) == ("ada", "sesame")
    assert "sesame" not in repr(found) + repr(settings)
    [problem] = told(tmp_path, table, environ={"CONSTAT_MY_TSA_USER": "ada"})
    assert problem == (
        'authority one: expected password in the credentials "my-tsa", got <secrets: user>; '
        "looked for CONSTAT_MY_TSA_… in the environment"
    )


def test_a_password_goes_unencrypted_to_this_machine_alone(tmp_path: Path, keys: Keys) -> None:
    table = PLAIN.replace("ca.pem", str(keys.ca)).replace("https://tsa.example", "http://127.0.0.1:1")

    assert read(tmp_path, table + '\ncredentials = "x"').authorities


def test_what_stands_in_the_way_of_stamps_is_told(tmp_path: Path, keys: Keys) -> None:
    found = read(tmp_path, PLAIN.replace("ca.pem", str(keys.ca)))

    assert found.stamping_notes(0, "") == []
    expired = found.stamping_notes(10**18, "no openssl")
    assert len(expired) == 2
    assert "authority one: ca: " in expired[0]
    assert expired[1] == "no openssl: until then there are no time stamps"
    [none] = read(tmp_path).stamping_notes(0, "no openssl")
    assert none.endswith("no [[authority]]: nobody but us will say when a line was written")
