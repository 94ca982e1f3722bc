"""Request signatures: AWS version 4 as S3 wants it, and OUTSCALE's own brand of the same."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector.core.timeline import Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """What the two kinds of signature call things; all else is the same."""

    name: str
    """Begins the algorithm's name and the derivation of the key."""
    header: str
    """The header with the instant of signing."""


AWS4 = Brand(name="AWS4", header="x-amz-date")
OSC4 = Brand(name="OSC4", header="x-osc-date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Keys for one service of one region."""

    brand: Brand
    region: str
    service: str
    access_key: str
    secret_key: str

    def headers(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, wall: Instant
    ) -> dict[str, str]:
        """`headers` with the instant and the signature over all of them added.

        `headers` must contain the host as it will be sent. `path` is the one on the wire, percent-encoded
        once, without a query: our probes have none.
        """
        stamp = (_EPOCH + timedelta(microseconds=wall)).strftime("%Y%m%dT%H%M%SZ")
        signed = {name.lower(): value for name, value in headers.items()} | {self.brand.header: stamp}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
        request = f"{method}\n{path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        algorithm, ending = f"{self.brand.name}-HMAC-SHA256", f"{self.brand.name.lower()}_request"
        scope = (stamp[:8], self.region, self.service, ending)
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = f"{self.brand.name}{self.secret_key}".encode()
        for part in (*scope, "\n".join((algorithm, stamp, "/".join(scope), digest))):
            key = hmac.digest(key, part.encode(), "sha256")
        credential = "/".join((self.access_key, *scope))
        return signed | {
            "authorization": f"{algorithm} Credential={credential}, "
            f"SignedHeaders={names}, Signature={key.hex()}"
        }
