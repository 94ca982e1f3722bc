"""What verifies stamps is in the state directory, for good: pins do not change, intermediates stay."""

from dataclasses import replace
from pathlib import Path

import pytest

from collector.core.timeline import DAY
from collector.host.clock import wall_us
from collector.host.openssl import verify_stamp
from collector.journal import trust
from collector.journal.authority import Authority
from collector.journal.trust import TrustError
from tests.conftest import needs
from tests.servers import authority as servers
from tests.servers.authority import Keys


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    needs("openssl")
    return servers.make(tmp_path_factory.mktemp("other"), intermediate=True)


@pytest.fixture
def asked(keys: Keys) -> Authority:
    return Authority(name="a-1", url="http://x/", ca=keys.ca, chain=keys.chain, crl=keys.crl, policy="1.2.3")


def test_what_verification_needs_is_copied_as_it_is_and_found_again(
    tmp_path: Path, keys: Keys, asked: Authority
) -> None:
    found = trust.keep(tmp_path, asked)

    assert found == replace(
        asked,
        ca=tmp_path / "trust/a-1.pem",
        chain=tmp_path / "trust/a-1-chain.pem",
        crl=tmp_path / "trust/a-1-crl.pem",
    )
    assert keys.chain is not None
    assert [p.read_bytes() for p in (found.ca, found.chain, found.crl) if p] == [
        p.read_bytes() for p in (keys.ca, keys.chain, keys.crl)
    ]
    assert (
        tmp_path / "trust/a-1.json"
    ).read_bytes() == b'{"name":"a-1","url":"http://x/","policy":"1.2.3"}\n'
    [kept] = trust.kept(tmp_path)
    assert (kept.name, kept.url, kept.policy, kept.ca, kept.chain, kept.crl) == (
        found.name, found.url, found.policy, found.ca, found.chain, found.crl,
    )  # fmt: skip
    verify_stamp(b"x", keys.stamp(b"x"), ca=kept.ca, chain=kept.chain)


def test_what_is_not_named_is_not_there(tmp_path: Path, keys: Keys) -> None:
    plain = Authority(name="plain", url="http://x/", ca=keys.ca)

    assert trust.keep(tmp_path, plain) == replace(plain, ca=tmp_path / "trust/plain.pem")
    assert trust.kept(tmp_path / "nowhere") == []


def test_the_same_again_changes_nothing(tmp_path: Path, asked: Authority) -> None:
    trust.keep(tmp_path, asked)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "trust").iterdir()}
    trust.keep(tmp_path, asked)

    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "trust").iterdir()} == before


def test_a_name_keeps_its_pin_and_its_policy(tmp_path: Path, asked: Authority, other: Keys) -> None:
    """What verified once must do so for ever: with another pin, older stamps would not."""
    trust.keep(tmp_path, asked)
    before = (tmp_path / "trust/a-1.pem").read_bytes()

    with pytest.raises(TrustError, match="expected the certificates that a-1 is pinned to, those of "):
        trust.keep(tmp_path, replace(asked, ca=other.ca))
    with pytest.raises(TrustError, match=r"expected the policy that a-1 is pinned to, 1\.2\.3, got any"):
        trust.keep(tmp_path, replace(asked, policy=""))
    assert (tmp_path / "trust/a-1.pem").read_bytes() == before
    trust.keep(tmp_path, replace(asked, url="http://elsewhere/"))
    assert [kept.url for kept in trust.kept(tmp_path)] == ["http://elsewhere/"]


def test_certificates_in_between_are_added_and_never_lost(
    tmp_path: Path, keys: Keys, other: Keys, asked: Authority
) -> None:
    """An authority gets a new intermediate every few years; stamps of the old one stay."""
    trust.keep(tmp_path, asked)
    kept = trust.keep(tmp_path, replace(asked, chain=other.chain))
    assert kept.chain is not None
    assert keys.chain is not None
    assert other.chain is not None

    assert trust.certificates(kept.chain) == [
        *trust.certificates(keys.chain), *trust.certificates(other.chain),
    ]  # fmt: skip
    verify_stamp(b"x", keys.stamp(b"x"), ca=kept.ca, chain=kept.chain)


def test_newer_lists_take_the_place_of_older_ones(tmp_path: Path, other: Keys, asked: Authority) -> None:
    trust.keep(tmp_path, asked)
    kept = trust.keep(tmp_path, replace(asked, crl=other.crl))

    assert kept.crl is not None
    assert kept.crl.read_bytes() == other.crl.read_bytes()


def test_a_file_of_names_that_is_damaged_is_told(tmp_path: Path, asked: Authority) -> None:
    trust.keep(tmp_path, asked)
    (tmp_path / "trust/a-1.json").write_text("{")

    with pytest.raises(TrustError, match=r"a-1\.json: expected an authority's name, url and policy, got: "):
        trust.kept(tmp_path)


# ---------------------------------------------------------------------------------- what is told beforehand


def test_files_that_will_do_are_no_problem(asked: Authority) -> None:
    assert list(trust.problems(asked)) == []
    assert list(trust.notes(asked, wall_us())) == []


def test_files_that_will_not_do_are_told_behind_their_keys(
    tmp_path: Path, keys: Keys, asked: Authority
) -> None:
    odd, empty = tmp_path / "odd.pem", tmp_path / "empty.pem"
    odd.write_bytes(keys.ca.read_bytes().replace(b"M", b"N", 40))
    empty.write_bytes(b"<html>")
    told = list(trust.problems(replace(asked, ca=tmp_path / "none.pem", chain=odd, crl=empty)))

    assert told[0] == f"ca: {tmp_path}/none.pem: expected a readable file, got: No such file or directory"
    assert told[1].startswith(f"chain: {odd}: expected certificates in PEM, got: ")
    assert told[2] == f"crl: {empty}: expected lists of revoked certificates in PEM, got none"
    assert list(trust.problems(replace(asked, ca=empty, chain=None, crl=None))) == [
        f"ca: {empty}: expected certificates in PEM, got none"
    ]


def test_lists_want_the_root(keys: Keys, asked: Authority) -> None:
    """OpenSSL looks for a list of every issuer up to one that signed itself."""
    assert keys.chain is not None
    issuing = replace(asked, ca=keys.chain, chain=None)

    [told] = trust.problems(issuing)
    assert told.startswith("crl: expected a ca that signed itself")
    assert list(trust.problems(replace(issuing, crl=None))) == []


def test_what_has_expired_is_told(asked: Authority, keys: Keys) -> None:
    later = list(trust.notes(asked, wall_us() + 4000 * DAY))

    assert len(later) == 4
    assert later[0].startswith(f"ca: {keys.ca}: the certificate of CN=Root expired on 20")
    assert later[1].startswith(f"chain: {keys.chain}: the certificate of CN=inter_of_keys")
    assert later[2].startswith(f"crl: {keys.crl}: the list of CN=Root should have been renewed by 20")
