"""The `openssl` command: whether a time stamp was signed by an authority that one pinned.

Nothing else runs it. OpenSSL judges because everyone has it: what an expert types by hand is done here.
"""

import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509

from collector.core.timeline import SECOND, Instant
from collector.errors import ConstatError

PATIENCE_S = 5.0
"""A verification takes 15 ms."""

_LIST = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----\n?", re.DOTALL)
_WHY = re.compile(r"Verify error:(.*)|error:[0-9A-F]+:[^:]*:[^:]*:([^:]*)")


class OpensslError(ConstatError):
    """The command is missing, does not end, or says no; the message says which, in its words."""


def missing() -> str:
    """Why the command cannot be used; empty if it can."""
    try:
        _run("version")
    except OpensslError as error:
        return str(error)
    return ""


def verify_stamp(
    data: bytes,
    response: bytes,
    *,
    ca: Path,
    chain: Path | None = None,
    crl: Path | None = None,
    at: Instant | None = None,
) -> None:
    """OpensslError unless `response` is a time stamp over `data` that leads to a certificate in `ca`.

    Whatever is in `ca` is trusted, an issuing authority's certificate too; `chain` only helps to get there.
    `at` is when the certificates must have been valid: the stamp's own time, or now if it is None. Lists of
    revoked certificates (`crl`) are looked at as of their own date: one that is older than the stamp says
    nothing about it, and one that is newer is "not yet valid" as of the stamp.
    """
    with TemporaryDirectory(prefix="constat-stamp-") as name:
        directory = Path(name)
        (directory / "data").write_bytes(data)
        (directory / "response.tsr").write_bytes(response)
        (directory / "ca.pem").write_bytes(_read(ca))
        untrusted = []
        if chain is not None:
            (directory / "chain.pem").write_bytes(_read(chain))
            untrusted = ["-untrusted", "chain.pem"]
        command = ["ts", "-verify", "-data", "data", "-in", "response.tsr", "-CAfile", "ca.pem",
                   "-partial_chain", *untrusted]  # fmt: skip
        _run(*command, *_as_of(at), directory=directory)
        if crl is not None:
            lists = _read(crl)
            with (directory / "ca.pem").open("ab") as file:
                file.write(b"\n" + lists)
            made = _made(lists, crl)
            listed = None if at is None else max(made, at)
            _run(*command, "-crl_check_all", *_as_of(listed), directory=directory)


def reply_stamp(query: bytes, configuration: Path) -> bytes:
    """The response of the authority that an `openssl ts` configuration file describes, its paths absolute.

    For the demonstration provider: an authority worth anything is run by others.
    """
    with TemporaryDirectory(prefix="constat-stamp-") as name:
        directory = Path(name)
        (directory / "query.tsq").write_bytes(query)
        _run(
            "ts", "-reply", "-config", str(configuration), "-queryfile", "query.tsq", "-out", "reply.tsr",
            directory=directory,
        )  # fmt: skip
        return (directory / "reply.tsr").read_bytes()


def _as_of(at: Instant | None) -> list[str]:
    return [] if at is None else ["-attime", str(at // SECOND)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OpensslError(f"{path}: expected a readable file, got: {error.strerror}") from error


def _made(lists: bytes, path: Path) -> Instant:
    """When the newest of some lists was made."""
    try:
        found = [x509.load_pem_x509_crl(block).last_update_utc for block in _LIST.findall(lists)]
    except ValueError as error:
        raise OpensslError(f"{path}: expected lists of revoked certificates in PEM, got: {error}") from error
    if not found:
        raise OpensslError(f"{path}: expected lists of revoked certificates in PEM, got none")
    return int(max(found).timestamp()) * SECOND


def _run(*arguments: str, directory: Path | None = None) -> None:
    # Nothing else of our environment: OPENSSL_CONF could make it another program.
    environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["openssl", *arguments], cwd=directory, env=environ, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise OpensslError("expected the openssl command, found none; install the package openssl") from None
    except subprocess.TimeoutExpired:
        raise OpensslError(
            f"openssl {arguments[0]}: expected an end within {PATIENCE_S:g} s, got none"
        ) from None
    except OSError as error:
        raise OpensslError(f"openssl {arguments[0]}: expected it to start, got: {error}") from error
    if done.returncode:
        raise OpensslError(f"openssl {' '.join(arguments[:2])}: expected success, got: {_why(done.stderr)}")


def _why(said: bytes) -> str:
    """The last error of its report, which is the one that ended it; else the last line."""
    text = said.decode(errors="replace")
    why = ""
    for match in _WHY.finditer(text):
        why = (match[1] or match[2] or "").strip() or why
    with suppress(IndexError):
        why = why or text.strip().splitlines()[-1]
    return why[:200] or "no word why"
