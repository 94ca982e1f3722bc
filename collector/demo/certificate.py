"""Certificates of the demonstration provider, new at every start: right, for another name, expired."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Three ways to greet a client, all signed by the authority in the file `authority`."""

    authority: Path
    right: ssl.SSLContext
    wrong: ssl.SSLContext
    expired: ssl.SSLContext


def make(directory: Path) -> Certificates:
    """An authority and three certificates of it, kept in `directory`, for localhost and 127.0.0.1."""
    now = datetime.now(UTC)
    root, key = authority("Demonstration provider", now)
    file = directory / "authority.pem"
    file.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def context(file: str, host: str, since: datetime, until: datetime) -> ssl.SSLContext:
        return _context(directory / file, host, root, key, since, until)

    return Certificates(
        file,
        right=context("right.pem", "localhost", now - _HOUR, now + 7 * _DAY),
        wrong=context("wrong.pem", "elsewhere.example", now - _HOUR, now + 7 * _DAY),
        expired=context("expired.pem", "localhost", now - 7 * _DAY, now - _DAY),
    )


def authority(called: str, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A root certificate that signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    root = (
        draft(name, name, key, now - 30 * _DAY, now + 30 * _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return root, key


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def draft(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _context(
    file: Path,
    host: str,
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    since: datetime,
    until: datetime,
) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(host)]
    if host == "localhost":
        names.append(x509.IPAddress(IPv4Address("127.0.0.1")))
    leaf = (
        draft(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), root.subject, key, since, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    file.touch(mode=0o600)
    file.write_bytes(key_pem(key) + leaf.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
