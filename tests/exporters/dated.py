"""A time-stamp authority that says any time it is told; its certificates hold for decades."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from collector.core.timeline import Instant
from collector.journal import der, timestamp

POLICY = "1.2.3.4.1"
_POLICY = bytes.fromhex("06042a030401")
_IMPRINT = bytes.fromhex("300d06096086480165030402010500")
_ROOT, _BETWEEN, _UNIT = 1, 2, 3
"""Serial numbers."""
_NONCE = 0xC0FFEE0123456789
_BEGIN, _END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Dated:
    """Its keys are in `directory`: ca.pem is what one pins."""

    directory: Path

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def chain(self) -> Path:
        """The certificate between the root and the unit, where there is one."""
        return self.directory / "chain.pem"

    def lists(self, *, unit_revoked: bool = False) -> bytes:
        """Who is revoked: what the root says of the one in between, and that one of the unit."""
        said = _list(_Issuer.read(self.directory, "root"), [])
        return said + _list(_Issuer.read(self.directory, "issuing"), [_UNIT] if unit_revoked else [])

    def stamp(self, data: bytes, at: Instant) -> tuple[bytes, bytes]:
        """Question and response: `data` was there at `at`."""
        digest = sha256(data).digest()
        (self.directory / "info.der").write_bytes(_info(digest, at))
        done = subprocess.run(
            ["openssl", "cms", "-sign", "-binary", "-nodetach", "-cades", "-md", "sha256", "-outform", "DER",
             "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-in", "info.der", "-signer", "tsu.pem",
             "-inkey", "tsu.key", "-out", "token.der"],
            cwd=self.directory, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr)
        token = (self.directory / "token.der").read_bytes()
        granted = der.value(der.SEQUENCE, der.value(der.SEQUENCE, der.number(0)), token)
        return timestamp.request(digest, _NONCE), granted


@dataclass(frozen=True)
class _Issuer:
    """One who signs certificates."""

    name: str
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, directory: Path, name: str) -> "_Issuer":
        """With a key of its own, kept in `directory`."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (directory / f"{name}.key").write_bytes(pem)
        return cls(name, key)

    @classmethod
    def read(cls, directory: Path, name: str) -> "_Issuer":
        key = load_pem_private_key((directory / f"{name}.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(name, key)

    def identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())

    def called(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])


def make(directory: Path, *, between: bool = False) -> Dated:
    """A new authority with a root and a signing unit; on request with an issuer `between` them."""
    directory.mkdir(parents=True)
    root, unit = _Issuer.new(directory, "root"), _Issuer.new(directory, "tsu")
    (directory / "ca.pem").write_bytes(_certificate(root, root, _ROOT))
    issuer = root
    if between:
        issuer = _Issuer.new(directory, "issuing")
        (directory / "chain.pem").write_bytes(_certificate(issuer, root, _BETWEEN))
    (directory / "tsu.pem").write_bytes(_certificate(unit, issuer, _UNIT))
    return Dated(directory)


def _list(by: _Issuer, revoked: Sequence[int]) -> bytes:
    listed = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.called())
        .last_update(_BEGIN)
        .next_update(_END)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False
        )
    )
    for serial in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_BEGIN).build()
        listed = listed.add_revoked_certificate(one)
    return listed.sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _certificate(of: _Issuer, by: _Issuer, serial: int) -> bytes:
    unit = serial == _UNIT
    usage = x509.KeyUsage(
        digital_signature=unit, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=not unit, crl_sign=not unit, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(of.called())
        .issuer_name(by.called())
        .public_key(of.key.public_key())
        .serial_number(serial)
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .add_extension(x509.BasicConstraints(ca=not unit, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(of.key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False
        )
    )
    if unit:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return made.sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _info(digest: bytes, at: Instant) -> bytes:
    """TSTInfo (RFC 3161, 2.4.2): accuracy of a second."""
    when = (_EPOCH + timedelta(microseconds=at)).strftime("%Y%m%d%H%M%S.%f").rstrip("0").rstrip(".")
    imprint = der.value(der.SEQUENCE, _IMPRINT, der.value(der.OCTET_STRING, digest))
    serial = der.number(int.from_bytes(sha256(digest + when.encode()).digest()[:8]) >> 1)
    return der.value(
        der.SEQUENCE, der.number(1), _POLICY, imprint, serial,
        der.value(der.GENERALIZED_TIME, f"{when}Z".encode()), der.value(der.SEQUENCE, der.number(1)),
        der.number(_NONCE),
    )  # fmt: skip
