"""A time-stamp authority on loopback: `openssl ts` behind HTTP, with its own root, and every way to fail.

Inside `async with authority(tmp_path, intermediate=True) as tsa`, an [[authority]] is told tsa.url, tsa.ca,
tsa.chain and tsa.crl; `tsa.fault = Fault.HTML` makes it fail, `await tsa.down()` listen no more. Without
HTTP, `make(directory).stamp(data)` is a response; `Served` is for tests that do not await.
"""

import asyncio
import base64
import subprocess
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from asn1crypto import pem, tsp, x509
from asn1crypto.keys import PrivateKeyInfo
from certomancer.services import TimeStamper

from collector.journal import timestamp
from tests.conftest import free_port

T = TypeVar("T")

POLICY = "1.2.3.4.1"
OTHER_POLICY = "1.2.3.4.2"
NONCE = 0xC0FFEE0123456789
SLOW_S = 60.0

_NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

_CONFIG = """\
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[tsu]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = constat
[constat]
serial = {directory}/serial
crypto_device = builtin
signer_cert = {directory}/tsu.pem
signer_key = {directory}/tsu.key
signer_digest = sha256
default_policy = {policy}
other_policies = {other}
digests = sha256, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
tsa_name = yes
clock_precision_digits = 6
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""

_LIST = """\
[{name}]
database = {directory}/{name}.index
crlnumber = {directory}/{name}.number
default_md = sha256
default_crl_days = 3000
"""


class Fault(StrEnum):
    """What an authority can do wrong; `Authority.down` is one more, for which nobody listens."""

    NONE = ""
    SLOW = "slow"  # takes the question and says nothing for a minute
    HTML = "html"  # a page, with status 200, as a portal in between would
    ERROR = "error"  # status 503
    HUGE = "huge"  # 10 MB
    IMPRINT = "imprint"  # a good token over other bytes
    REPLAY = "replay"  # the last token it gave, whatever is asked
    ROGUE = "rogue"  # a good token of another root, which is sent along
    REJECTION = "rejection"  # a response that grants nothing and says why


@dataclass(kw_only=True)
class Keys:
    """Root, maybe an intermediate, and signing unit, in a directory."""

    directory: Path
    ca: Path
    chain: Path | None
    crl: Path
    """Of all that signed certificates, made after those."""

    def reply(self, query: bytes, *more: str) -> bytes:
        """The response of `openssl ts -reply`."""
        (self.directory / "query.tsq").write_bytes(query)
        _openssl(self.directory, "ts -reply -config openssl.cnf -queryfile query.tsq -out reply.tsr", *more)
        return (self.directory / "reply.tsr").read_bytes()

    def stamp(self, data: bytes, nonce: int = NONCE) -> bytes:
        """A response over `data`."""
        return self.reply(timestamp.request(sha256(data).digest(), nonce))

    def by_certomancer(self, query: bytes, at: datetime | None = None) -> bytes:
        """The response of an authority that is not OpenSSL's, whose clock shows `at` (else the time).

        It states neither accuracy nor order, and sends along its own certificate alone.
        """
        certificate, key = (
            pem.unarmor((self.directory / f"tsu.{end}").read_bytes())[2] for end in ("pem", "key")
        )
        stamper = TimeStamper(x509.Certificate.load(certificate), PrivateKeyInfo.load(key), fixed_dt=at)
        return bytes(stamper.request_tsa_response(tsp.TimeStampReq.load(query)).dump())

    def rejection(self) -> bytes:
        """A response that grants nothing: it does not stamp MD5."""
        _openssl(self.directory, "ts -query -data root.pem -md5 -out odd.tsq")
        return self.reply((self.directory / "odd.tsq").read_bytes())

    def revoke(self) -> None:
        """Take the signing unit's certificate back: `crl` says so from now on."""
        issuer = "inter" if self.chain else "root"
        _openssl(
            self.directory,
            f"ca -config openssl.cnf -name {issuer} -revoke tsu.pem -keyfile {issuer}.key -cert {issuer}.pem",
        )
        self.relist()

    def relist(self) -> None:
        """Make `crl` anew, as of now."""
        _revocations(self.directory, ["root", "inter"] if self.chain else ["root"])


def make(directory: Path, *, intermediate: bool = False, root_sent: bool = False) -> Keys:
    """Keys of an authority; `root_sent`: its tokens carry the root too, as those of a rogue one would."""
    directory.mkdir(parents=True, exist_ok=True)
    text = _CONFIG.format(directory=directory, policy=POLICY, other=OTHER_POLICY)
    issuers = ["root", "inter"] if intermediate else ["root"]
    for name in issuers:
        text += _LIST.format(name=name, directory=directory)
        (directory / f"{name}.index").touch()
        (directory / f"{name}.number").write_text("01\n")
    (directory / "openssl.cnf").write_text(text)
    (directory / "serial").write_text("01\n")
    _openssl(
        directory,
        f"req -x509 -config openssl.cnf -extensions ca {_NEW_KEY} -keyout root.key -out root.pem -days 3650 "
        "-subj /CN=Root",
    )
    if intermediate:
        _certified(directory, "inter", "ca", by="root")
    _certified(directory, "tsu", "tsu", by=issuers[-1])
    (directory / "sent.pem").write_bytes((directory / "root.pem").read_bytes() if root_sent else b"")
    if root_sent:
        with (directory / "openssl.cnf").open("a") as file:
            file.write(f"[constat]\ncerts = {directory}/sent.pem\n")
    _revocations(directory, issuers)
    return Keys(
        directory=directory,
        ca=directory / "root.pem",
        chain=directory / "inter.pem" if intermediate else None,
        crl=directory / "crl.pem",
    )


def _certified(directory: Path, name: str, extensions: str, by: str) -> None:
    subject = f"{name} of {directory.name}".replace(" ", "_")
    _openssl(directory, f"req -new -config openssl.cnf {_NEW_KEY} -keyout {name}.key -out {name}.csr "
             f"-subj /CN={subject}")  # fmt: skip
    _openssl(
        directory,
        f"x509 -req -in {name}.csr -CA {by}.pem -CAkey {by}.key -CAcreateserial -days 3000 "
        f"-extfile openssl.cnf -extensions {extensions} -out {name}.pem",
    )


def _revocations(directory: Path, issuers: list[str]) -> None:
    """The list of each issuer, in one file."""
    for name in issuers:
        _openssl(
            directory,
            f"ca -config openssl.cnf -name {name} -gencrl -keyfile {name}.key -cert {name}.pem "
            f"-out {name}.crl",
        )
    lists = b"".join((directory / f"{name}.crl").read_bytes() for name in issuers)
    (directory / "crl.pem").write_bytes(lists)


def _openssl(directory: Path, command: str, *more: str) -> None:
    done = subprocess.run(
        ["openssl", *command.split(), *more], cwd=directory, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"openssl {command}: {done.stderr}")


@dataclass(kw_only=True)
class Authority:
    """One that answers; set `fault` while it runs."""

    keys: Keys
    rogue: Keys
    url: str
    user: str = ""
    password: str = ""
    fault: Fault = Fault.NONE
    clock: timedelta = timedelta(0)
    """How far its clock is ahead of ours."""
    asked: list[bytes] = field(default_factory=list)
    """Every question that came."""
    last: bytes = b""
    """The last token it gave."""
    runner: web.AppRunner
    site: web.TCPSite | None = None

    @property
    def ca(self) -> Path:
        return self.keys.ca

    @property
    def chain(self) -> Path | None:
        return self.keys.chain

    @property
    def crl(self) -> Path:
        return self.keys.crl

    async def down(self) -> None:
        """Nobody listens any more."""
        if self.site is not None:
            await self.site.stop()
            self.site = None

    async def up(self) -> None:
        """Listen, at the same port as ever."""
        if self.site is None:
            port = int(self.url.rstrip("/").rpartition(":")[2])
            self.site = web.TCPSite(self.runner, "127.0.0.1", port)
            await self.site.start()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        query = await request.read()
        self.asked.append(query)
        known = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if self.user and request.headers.get("Authorization") != f"Basic {known}":
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"}, text="who are you?")
        match self.fault:
            case Fault.HTML:
                return web.Response(text="<html>Sign in to the network</html>", content_type="text/html")
            case Fault.ERROR:
                return web.Response(status=503, text="come back later")
            case Fault.SLOW:
                await asyncio.sleep(SLOW_S)
        if self.fault is not Fault.REPLAY or not self.last:
            self.last = await asyncio.to_thread(self._reply, query)
        return web.Response(body=self.last, content_type="application/timestamp-reply")

    def _reply(self, query: bytes) -> bytes:
        match self.fault:
            case Fault.HUGE:
                return bytes(10_000_000)
            case Fault.IMPRINT:
                return self.keys.reply(timestamp.request(bytes(32), timestamp.asked(query)[1]))
            case Fault.ROGUE:
                return self.rogue.reply(query)
            case Fault.REJECTION:
                return self.keys.rejection()
        if self.clock:
            return self.keys.by_certomancer(query, datetime.now(UTC) + self.clock)
        return self.keys.reply(query)


@asynccontextmanager
async def authority(
    directory: Path, *, intermediate: bool = False, user: str = "", password: str = ""
) -> AsyncIterator[Authority]:
    """An authority that answers until the end of the block; its keys and lists are below `directory`."""
    keys = await asyncio.to_thread(make, directory / "authority", intermediate=intermediate)
    rogue = await asyncio.to_thread(make, directory / "rogue", root_sent=True)
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    url = f"http://127.0.0.1:{free_port()}/"
    made = Authority(keys=keys, rogue=rogue, url=url, user=user, password=password, runner=runner)
    app.router.add_post("/", made.answer)
    await runner.setup()
    await made.up()
    try:
        yield made
    finally:
        await runner.cleanup()


class Served:
    """An authority for tests that do not await: a context manager, with a loop in a thread of its own."""

    def __init__(self, directory: Path, **how: Any) -> None:
        self._asked = authority(directory, **how)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> "Served":
        self._thread.start()
        self._made = self._wait(self._asked.__aenter__())
        self.url, self.ca, self.chain, self.crl = (
            self._made.url, self._made.ca, self._made.chain, self._made.crl,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._asked.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def fault(self, fault: Fault) -> None:
        """Fail so from now on."""
        self._made.fault = fault

    def clock(self, ahead: timedelta) -> None:
        """Have its clock so far ahead of ours from now on."""
        self._made.clock = ahead

    def down(self) -> None:
        self._wait(self._made.down())

    def up(self) -> None:
        self._wait(self._made.up())

    def _wait(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)
