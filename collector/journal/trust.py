"""What verifying stamps needs, copied into the state directory, so that it outlives the settings.

trust/<authority>.pem         whom it was pinned to, for good: another pin is another authority
trust/<authority>-chain.pem   every certificate in between that was ever named
trust/<authority>-crl.pem     the lists of revoked certificates named last
trust/<authority>.json        name, url, policy
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from collector.core.timeline import SECOND, Instant
from collector.errors import ConstatError
from collector.journal import layout
from collector.journal.authority import Authority

TRUST = "trust"

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_LIST = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)


class TrustError(ConstatError):
    """Trust material will not do: the file is not there, is not what it should be, or is another one."""


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    url: str
    policy: str


def keep(state: Path, authority: Authority) -> Authority:
    """Copy what verifying this authority's stamps needs; the authority with the copies in place of the files.

    TrustError where a file will not do, or the name is pinned to another certificate or policy already: a
    stamp that verified once must do so for ever. OSError where the disk will not have it.
    """
    layout.make_directory(state / TRUST)
    pinned = _path(state, authority.name, ".pem")
    if pinned.exists():
        if certificates(pinned) != certificates(authority.ca):
            raise TrustError(
                f"{authority.ca}: expected the certificates that {authority.name} is pinned to, those of "
                f"{pinned}, got others; give the authority that has them a name of its own"
            )
    else:
        certificates(authority.ca)
        layout.replace(pinned, _read(authority.ca))
    if authority.chain is not None:
        _extend(_path(state, authority.name, "-chain.pem"), authority.chain)
    if authority.crl is not None:
        revocations(authority.crl)
        _settle(_path(state, authority.name, "-crl.pem"), _read(authority.crl))
    file = _path(state, authority.name, ".json")
    if file.exists() and (policy := _named(file).policy) != authority.policy:
        raise TrustError(
            f"{file}: expected the policy that {authority.name} is pinned to, {policy or 'any'}, got "
            f"{authority.policy or 'any'}; give the authority a name of its own for another"
        )
    named = _Named(name=authority.name, url=authority.url, policy=authority.policy)
    _settle(file, msgspec.json.encode(named) + b"\n")
    return _in_place(state, authority)


def kept(state: Path) -> list[Authority]:
    """The authorities whose stamps can be verified from a state directory (or a bundle's data), by name."""
    named = map(_named, sorted((state / TRUST).glob("*.json")))
    return [
        _in_place(state, Authority(name=one.name, url=one.url, policy=one.policy, ca=state)) for one in named
    ]


def problems(authority: Authority) -> Iterator[str]:
    """What is wrong with the files of an authority, each behind the key that names it."""
    pinned: list[x509.Certificate] = []
    try:
        pinned = certificates(authority.ca)
    except TrustError as error:
        yield f"ca: {error}"
    try:
        if authority.chain is not None:
            certificates(authority.chain)
    except TrustError as error:
        yield f"chain: {error}"
    try:
        if authority.crl is not None:
            revocations(authority.crl)
    except TrustError as error:
        yield f"crl: {error}"
    if authority.crl is not None and any(found.issuer != found.subject for found in pinned):
        yield (
            "crl: expected a ca that signed itself, since lists are looked at up to the root; got one that "
            "another signed: name the root as ca and this one in chain, or leave the lists out"
        )


def notes(authority: Authority, now: Instant) -> Iterator[str]:
    """What is no mistake but stands in the way of stamps, now or soon, each behind its key."""
    for key, path in (("ca", authority.ca), ("chain", authority.chain)):
        for found in () if path is None else certificates(path):
            left = int(found.not_valid_after_utc.timestamp()) * SECOND - now
            if left < 0:
                who, until = found.subject.rfc4514_string(), found.not_valid_after_utc
                yield f"{key}: {path}: the certificate of {who} expired on {until:%Y-%m-%d}"
    for listed in () if authority.crl is None else revocations(authority.crl):
        due = listed.next_update_utc
        if due is not None and int(due.timestamp()) * SECOND < now:
            yield (
                f"crl: {authority.crl}: the list of {listed.issuer.rfc4514_string()} should have been "
                f"renewed by {due:%Y-%m-%d}: it says nothing of stamps made since"
            )


def certificates(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file, at least one; TrustError if it is none."""
    try:
        found = [x509.load_pem_x509_certificate(block) for block in _CERTIFICATE.findall(_read(path))]
    except ValueError as error:
        raise TrustError(f"{path}: expected certificates in PEM, got: {error}") from error
    if not found:
        raise TrustError(f"{path}: expected certificates in PEM, got none")
    return found


def revocations(path: Path) -> list[x509.CertificateRevocationList]:
    """The lists of revoked certificates of a PEM file, at least one; TrustError if it is none."""
    try:
        found = [x509.load_pem_x509_crl(block) for block in _LIST.findall(_read(path))]
    except ValueError as error:
        raise TrustError(f"{path}: expected lists of revoked certificates in PEM, got: {error}") from error
    if not found:
        raise TrustError(f"{path}: expected lists of revoked certificates in PEM, got none")
    return found


def _named(path: Path) -> _Named:
    try:
        return msgspec.json.decode(_read(path), type=_Named)
    except msgspec.MsgspecError as error:
        raise TrustError(f"{path}: expected an authority's name, url and policy, got: {error}") from error


def _in_place(state: Path, authority: Authority) -> Authority:
    """The authority with its material where a state directory has it."""
    chain, crl = (_path(state, authority.name, end) for end in ("-chain.pem", "-crl.pem"))
    return dataclasses.replace(
        authority,
        ca=_path(state, authority.name, ".pem"),
        chain=chain if chain.exists() else None,
        crl=crl if crl.exists() else None,
    )


def _path(state: Path, name: str, end: str) -> Path:
    return state / TRUST / f"{name}{end}"


def _extend(path: Path, source: Path) -> None:
    """Have all certificates of `source` in `path`: those of older stamps stay."""
    if not path.exists():
        certificates(source)
        layout.replace(path, _read(source))
        return
    known = certificates(path)
    new = [found.public_bytes(Encoding.PEM) for found in certificates(source) if found not in known]
    if new:
        layout.replace(path, b"".join([_read(path).rstrip(b"\n") + b"\n", *new]))


def _settle(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        layout.replace(path, data)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrustError(f"{path}: expected a readable file, got: {error.strerror}") from error
