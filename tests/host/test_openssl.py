"""OpenSSL's judgement on time stamps: over these bytes, by a pinned authority, at that time; or why not."""

import time
from hashlib import sha256
from pathlib import Path

import pytest

from collector.core.timeline import DAY, SECOND, Instant
from collector.host import openssl
from collector.host.openssl import OpensslError, verify_stamp
from collector.journal import timestamp
from tests.servers import authority
from tests.servers.authority import Keys

DATA = b"what was stamped\n"


@pytest.fixture(scope="module")
def response(keys: Keys) -> bytes:
    return keys.stamp(DATA)


@pytest.fixture(scope="module")
def at(response: bytes) -> Instant:
    return timestamp.parse(response).gen_time


def test_a_stamp_leads_to_the_pinned_root_over_the_intermediate(keys: Keys, response: bytes) -> None:
    verify_stamp(DATA, response, ca=keys.ca, chain=keys.chain)


def test_an_issuing_authority_may_be_pinned_itself(keys: Keys, response: bytes) -> None:
    """As a trusted list names it; nothing above it is looked at."""
    assert keys.chain is not None
    verify_stamp(DATA, response, ca=keys.chain)


def test_a_stamp_of_an_authority_that_is_not_openssl_leads_there_too(keys: Keys) -> None:
    stamp = keys.by_certomancer(timestamp.request(sha256(DATA).digest(), 7))

    verify_stamp(DATA, stamp, ca=keys.ca, chain=keys.chain)
    with pytest.raises(OpensslError, match="unable to get local issuer certificate"):
        verify_stamp(DATA, stamp, ca=keys.ca)


def test_other_bytes_are_refused(keys: Keys, response: bytes) -> None:
    with pytest.raises(OpensslError, match="message imprint mismatch"):
        verify_stamp(DATA + b"\n", response, ca=keys.ca, chain=keys.chain)


def test_without_its_intermediate_a_stamp_leads_nowhere(keys: Keys, response: bytes) -> None:
    with pytest.raises(OpensslError, match="unable to get local issuer certificate"):
        verify_stamp(DATA, response, ca=keys.ca)


def test_a_rogue_authority_that_brings_its_root_along_is_refused(keys: Keys, tmp_path: Path) -> None:
    """What a reader of 2026 accepted (rfc3161-client up to 1.0.8): a token vouching for itself."""
    rogue = authority.make(tmp_path / "rogue", root_sent=True)
    stamp = rogue.stamp(DATA)

    verify_stamp(DATA, stamp, ca=rogue.ca)
    with pytest.raises(OpensslError, match="self-signed certificate in certificate chain"):
        verify_stamp(DATA, stamp, ca=keys.ca, chain=keys.chain)


def test_no_setting_of_the_environment_makes_it_trust_another(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rogue = authority.make(tmp_path / "rogue")
    monkeypatch.setenv("SSL_CERT_FILE", str(rogue.ca))
    monkeypatch.setenv("OPENSSL_CONF", str(rogue.directory / "openssl.cnf"))

    with pytest.raises(OpensslError, match="unable to get local issuer certificate"):
        verify_stamp(DATA, rogue.stamp(DATA), ca=keys.ca, chain=keys.chain)


def test_certificates_count_as_of_the_time_of_the_stamp(keys: Keys, response: bytes, at: Instant) -> None:
    """Nine years on they have expired, and the stamp has not."""
    verify_stamp(DATA, response, ca=keys.ca, chain=keys.chain, at=at)
    with pytest.raises(OpensslError, match="certificate has expired"):
        verify_stamp(DATA, response, ca=keys.ca, chain=keys.chain, at=at + 3300 * DAY)
    with pytest.raises(OpensslError, match="certificate is not yet valid"):
        verify_stamp(DATA, response, ca=keys.ca, chain=keys.chain, at=at - DAY)


def test_a_list_that_is_newer_than_the_stamp_is_looked_at_as_of_its_own_date(tmp_path: Path) -> None:
    keys = authority.make(tmp_path, intermediate=True)
    stamp = keys.stamp(DATA)
    at = timestamp.parse(stamp).gen_time // SECOND * SECOND
    while time.time() < at / SECOND + 2:
        time.sleep(0.1)
    keys.relist()
    verify_stamp(DATA, stamp, ca=keys.ca, chain=keys.chain, crl=keys.crl, at=at)
    verify_stamp(DATA, stamp, ca=keys.ca, chain=keys.chain, crl=keys.crl)

    keys.revoke()
    with pytest.raises(OpensslError, match="certificate revoked"):
        verify_stamp(DATA, stamp, ca=keys.ca, chain=keys.chain, crl=keys.crl, at=at)


def test_a_list_that_lacks_an_issuer_does_not_do(keys: Keys, response: bytes, at: Instant) -> None:
    with pytest.raises(OpensslError, match="unable to get certificate CRL"):
        verify_stamp(DATA, response, ca=keys.ca, chain=keys.chain, crl=keys.directory / "root.crl", at=at)


@pytest.mark.parametrize(
    ("contents", "says"),
    [(None, "a readable file, got: No such file"), (b"none", "lists .* in PEM, got none")],
)
def test_a_list_that_is_none_is_told_with_its_file(
    keys: Keys, response: bytes, tmp_path: Path, contents: bytes | None, says: str
) -> None:
    file = tmp_path / "odd.pem"
    if contents is not None:
        file.write_bytes(contents)
    with pytest.raises(OpensslError, match=f"{file}: expected {says}"):
        verify_stamp(DATA, response, ca=keys.ca, chain=keys.chain, crl=file)


@pytest.mark.parametrize("odd", [b"", b"<html>", b"\x30\x03\x02\x01"])
def test_what_is_no_response_is_refused(keys: Keys, odd: bytes) -> None:
    with pytest.raises(OpensslError, match="openssl ts -verify: expected success, got: "):
        verify_stamp(DATA, odd, ca=keys.ca)


def test_a_missing_command_is_told_with_what_to_install(
    keys: Keys, response: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert openssl.missing() == ""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert openssl.missing() == "expected the openssl command, found none; install the package openssl"
    with pytest.raises(OpensslError, match="install the package openssl"):
        verify_stamp(DATA, response, ca=keys.ca)


def test_a_command_that_does_not_end_is_ended(
    keys: Keys, response: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "openssl"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(openssl, "PATIENCE_S", 0.2)

    with pytest.raises(OpensslError, match=r"openssl ts: expected an end within 0\.2 s, got none"):
        verify_stamp(DATA, response, ca=keys.ca)


def test_nothing_of_a_verification_stays_on_the_disk(
    keys: Keys, response: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    verify_stamp(DATA, response, ca=keys.ca, chain=keys.chain)
    with pytest.raises(OpensslError):
        verify_stamp(b"", response, ca=keys.ca)

    assert list(tmp_path.iterdir()) == []


def test_an_authority_answers_by_its_configuration(keys: Keys) -> None:
    query = timestamp.request(bytes(32), 7)
    stamp = openssl.reply_stamp(query, keys.directory / "openssl.cnf")

    assert timestamp.checked(stamp, bytes(32), 7).policy == authority.POLICY
