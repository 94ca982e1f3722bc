"""What travels in every bundle so that it can be verified without Constat: a program, its rules, a page."""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

_HERE = Path(__file__).parent
_STAMP = re.compile(r"(checkpoints/([^/]+)/\d+)\.([a-z0-9-]+)\.tsr")


def verifier() -> dict[str, bytes]:
    """Name in `data/` → bytes: `verify.py`, and the rules that it carries out."""
    return {name: (_HERE / name).read_bytes() for name in ("states.py", "verify.py")}


def instructions(payload: Mapping[str, object], stampers: Sequence[str], *, extract: bool) -> bytes:
    """`VERIFY.md`: how a bundle is verified, with commands to copy, in French and in English.

    `payload` is what else is in `data/`, by name; `stampers` are who stamps the bundle itself.
    Where there is no stamp to try a command on, the page says so.
    """
    own = [
        _stamp("tagmanifest-sha256.txt", f"tagmanifest-sha256.txt.{one}.tsr", one, payload)
        for one in stampers
    ]
    example = _checkpoint(payload)
    page = Template((_HERE / "VERIFY.md").read_text()).substitute(
        stamp_commands="\n".join(own) or "# (pas d'horodatage propre / no stamp of its own)",
        stamp_results="\n".join(["Verification: OK"] * len(own)) or "(rien / nothing)",
        checkpoint_commands="\n".join(example)
        or "# (pas de point de contrôle horodaté / no stamped checkpoint)",
        checkpoint_results="Verification: OK\nSignature Verified Successfully"
        if example
        else "(rien / nothing)",
        form_fr="des lignes isolées, chacune prouvée" if extract else "des heures entières",
        form_en="single lines, each proven" if extract else "whole hours",
    )
    return page.encode()


def _stamp(data: str, response: str, authority: str, payload: Mapping[str, object]) -> str:
    chain = f"trust/{authority}-chain.pem"
    untrusted = f" -untrusted data/{chain}" if chain in payload else ""
    pinned = f"-CAfile data/trust/{authority}.pem -partial_chain"
    return f"openssl ts -verify -data {data} -in {response} {pinned}{untrusted}"


def _checkpoint(payload: Mapping[str, object]) -> list[str]:
    """Commands for the newest stamped checkpoint of the first origin: its stamp, its signature."""
    stamped = [found for found in map(_STAMP.fullmatch, sorted(payload)) if found]
    if not stamped:
        return []
    stem, origin, authority = [found for found in stamped if found[2] == stamped[0][2]][-1].groups()
    note = payload[f"{stem}.txt"]
    assert isinstance(note, bytes)
    signature = next(
        line for line in note.split(b"\n\n")[1].split(b"\n") if line.split(b" ")[1] == origin.encode()
    )
    key = f"{origin}-{b64decode(signature.split(b' ')[2])[:4].hex()}.pem"
    file, work = f"data/{stem}.txt", "${TMPDIR:-/tmp}/constat"
    return [
        _stamp(file, f"data/{stem}.{authority}.tsr", authority, payload),
        f"sed '/^$/,$d' {file} > {work}-body",
        f"grep -F -- '— {origin} ' {file} | cut -d ' ' -f 3 | base64 -d | tail -c +5 > {work}-signature",
        f"openssl pkeyutl -verify -pubin -inkey data/trust/{key} -rawin"
        f" -in {work}-body -sigfile {work}-signature",
    ]
