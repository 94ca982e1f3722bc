"""Who outside is sent what the tree was, so that nobody can tell it otherwise: witnesses, and by mail."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from collector.host.mail import Relay, Tls
from collector.host.names import web_address
from collector.journal.cosign import Witness
from collector.journal.note import COSIGNATURE, Vkey
from collector.settings.credentials import Secrets
from collector.tables import FileName, shown, table

PORTS: dict[Tls, int] = {"none": 25, "starttls": 587, "tls": 465}
"""By how the server is spoken to, where no port is named."""

_NAME = re.compile(r"[a-z0-9-]+")
_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")


class AskedMail(msgspec.Struct):
    host: str
    from_: str = msgspec.field(name="from")
    port: int = 0
    tls: Tls = "starttls"
    ca: FileName = ""
    to: tuple[str, ...] = ()
    credentials: str = ""


class AskedWitness(msgspec.Struct):
    name: str
    url: str
    vkey: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """By which server mail leaves, from whom, and to whom where nobody else is named."""

    host: str
    port: int
    tls: Tls
    ca: Path | None
    sender: str
    to: tuple[str, ...]
    credentials: str
    """The name of the secrets `user` and `password`; empty where none are needed."""

    def relay(self, secrets: Secrets) -> Relay:
        """The server, as one with these secrets speaks to it."""
        return Relay(
            host=self.host, port=self.port, tls=self.tls, ca=self.ca, user=secrets.get("user", ""),
            password=secrets.get("password", ""),
        )  # fmt: skip


def mail(raw: dict[str, Any], path: Path, problems: list[str]) -> Mail | None:
    """The table `[mail]` of the settings at `path`; None where there is none, or it is wrong."""
    if "mail" not in raw:
        return None
    found = table(raw["mail"], AskedMail, "mail", problems)
    if found is None:
        return None
    for place, address in (("from", found.from_), *((f"to[{k}]", to) for k, to in enumerate(found.to))):
        if not is_address(address):
            problems.append(f'mail.{place}: expected an address like "a@example.net", got {shown(address)}')
    if not 0 <= found.port < 65536:
        problems.append(f"mail.port: expected up to 65535, got {found.port}")
    if found.credentials and found.tls == "none":
        problems.append('mail.tls: expected "starttls" or "tls" where there are credentials, got "none"')
    return Mail(
        host=found.host, port=found.port or PORTS[found.tls], tls=found.tls,
        ca=path.parent / found.ca if found.ca else None, sender=found.from_, to=found.to,
        credentials=found.credentials,
    )  # fmt: skip


def is_address(text: str) -> bool:
    """Whether mail can be sent to it, as far as its form tells."""
    return _ADDRESS.fullmatch(text) is not None


def witness(value: dict[str, Any], place: str, problems: list[str]) -> Witness | None:
    """One table `[[witness]]`; None where it is wrong."""
    found = table(value, AskedWitness, place, problems)
    if found is None:
        return None
    if not _NAME.fullmatch(found.name):
        problems.append(f'{place}.name: expected small letters, digits and "-", got {shown(found.name)}')
    try:
        web_address(found.url)
    except ValueError as error:
        problems.append(f"{place}.url: {error}")
    try:
        key = Vkey.parse(found.vkey)
        if key.type != COSIGNATURE:
            raise ValueError(f"expected the key of a witness (type 4, cosignature/v1), got type {key.type}")
    except ValueError as error:
        problems.append(f"{place}.vkey: {error}")
        return None
    return Witness(name=found.name, url=found.url.rstrip("/"), vkey=key)
