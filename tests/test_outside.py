"""Settings of those outside who are shown the journal's state: what is wrong with them is told."""

from pathlib import Path

import pytest

from collector.journal.note import COSIGNATURE, LOG, Vkey
from tests.test_settings import BASE, problems, settings

KEY = Vkey("w.example", COSIGNATURE, bytes(range(32)))


def witness(name: str = "w", url: str = "https://w.example/a/", vkey: str = str(KEY)) -> str:
    return f'[[witness]]\nname = "{name}"\nurl = "{url}"\nvkey = "{vkey}"\n'


def test_witnesses_and_mail_are_nobody_unless_they_are_named(tmp_path: Path) -> None:
    found = settings(tmp_path)

    assert (found.witnesses, found.mail) == ((), None)


def test_a_witness_has_a_name_an_address_and_a_key(tmp_path: Path) -> None:
    (found,) = settings(tmp_path, BASE + witness()).witnesses

    assert (found.name, found.url, found.vkey) == ("w", "https://w.example/a", KEY)


@pytest.mark.parametrize(
    ("added", "told"),
    [
        (witness(name="W"), "witness[0].name: expected small letters"),
        (witness(url="w.example"), 'witness[0].url: expected "http://…" or "https://…", got "w.example"'),
        (witness(url="ftp://w.example"), 'witness[0].url: expected "http://…" or "https://…", got "ftp'),
        (witness(url="https://["), 'witness[0].url: expected a name or an address, got "["'),
        (witness(vkey="w.example+00000000+AAAA"), "witness[0].vkey: expected an Ed25519 key"),
        (witness(vkey=str(Vkey("w", LOG, bytes(32)))), "witness[0].vkey: expected the key of a witness"),
        (witness() + witness(), "witness[1].name: expected a name of its own"),
        ('[[witness]]\nname = "w"\n', "witness[0].url: expected a text, got nothing"),
        ("[mail]\n", "mail.host: expected a text, got nothing"),
        ('[mail]\nhost = "h"\nfrom = "a@b.c"\ntls = "ssl"\n', "mail.tls: expected"),
        ('[mail]\nhost = "h"\nfrom = "a@b.c"\nca = "\\u0000"\n', "mail.ca: expected the name of a file, got"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, added: str, told: str) -> None:
    found = problems(tmp_path, BASE + added)

    assert any(problem.startswith(told) for problem in found), found
