"""A time-stamp authority for the demonstration: new keys at every start, worth nothing, and right in form."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from collector.demo import certificate
from collector.demo.web import WebPart, page
from collector.host import openssl

POLICY = "1.2.3.4.1"

_CONFIGURATION = """\
[tsa]
default_tsa = demo
[demo]
serial = {directory}/serial
crypto_device = builtin
signer_cert = {directory}/signer.pem
signer_key = {directory}/signer.key
signer_digest = sha256
default_policy = {policy}
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
clock_precision_digits = 6
ess_cert_id_alg = sha256
"""


class Stamps(WebPart):
    """The authority, behind HTTP; `ca` is the file that its stamps lead to."""

    def __init__(self, name: str, directory: Path, port: int = 0) -> None:
        super().__init__(name, "http", port)
        self.off = openssl.missing()
        """Why it cannot stamp; empty where it can."""
        self.ca = directory / "stamps.pem"
        self.called = ""
        """What the settings call it: its keys are new each time, and a name stands for one authority."""
        self._configuration = directory / "stamps.cnf"
        self._turn = asyncio.Lock()
        if not self.off:
            self._make(directory)

    async def answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        if self.off or request.method != "POST":
            return page(404)
        async with self._turn:  # it counts its serial numbers in a file
            stamp = await asyncio.to_thread(openssl.reply_stamp, body, self._configuration)
        return web.Response(body=stamp, content_type="application/timestamp-reply")

    def _make(self, directory: Path) -> None:
        """Root, signing certificate, and what the command reads."""
        now = datetime.now(UTC)
        root, root_key = certificate.authority("Demonstration of time stamps", now)
        key = ec.generate_private_key(ec.SECP256R1())
        called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Signer of time stamps")])
        signer = (
            certificate.draft(called, root.subject, key, now - timedelta(hours=1), now + timedelta(days=7))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        (directory / "signer.key").touch(mode=0o600)
        (directory / "signer.key").write_bytes(certificate.key_pem(key))
        (directory / "signer.pem").write_bytes(signer.public_bytes(Encoding.PEM))
        self.ca.write_bytes(root.public_bytes(Encoding.PEM))
        self.called = f"demo-{root.fingerprint(hashes.SHA256()).hex()[:6]}"
        (directory / "serial").write_text("01\n")
        self._configuration.write_text(_CONFIGURATION.format(directory=directory, policy=POLICY))
