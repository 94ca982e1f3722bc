"""Signatures: the known answer of OUTSCALE's brand, and Amazon's by Amazon's own library."""

from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from collector.core.timeline import SECOND
from collector.wire.sigv4 import AWS4, OSC4, Brand, Signer

ACCESS, SECRET = "AKEXAMPLE00000000000", "SKEXAMPLE0000000000000000000000000000000"
WALL = int(datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()) * SECOND


def signer(brand: Brand, service: str) -> Signer:
    return Signer(brand=brand, region="eu-west-2", service=service, access_key=ACCESS, secret_key=SECRET)


def test_the_known_answer_of_osc4_comes_out() -> None:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Host": "api.eu-west-2.outscale.com",
    }

    signed = signer(OSC4, "api").headers("POST", "/api/v1/ReadVms", headers, b"{}", WALL)

    assert signed["x-osc-date"] == "20240102T030405Z"
    assert signed["authorization"] == (
        "OSC4-HMAC-SHA256 Credential=AKEXAMPLE00000000000/20240102/eu-west-2/api/osc4_request, "
        "SignedHeaders=content-type;host;x-osc-date, "
        "Signature=e5a6848b9d890238a9bbfbb15a4fa50dff383579c25314ec0758767c4114667d"
    )


def test_the_instant_is_cut_to_whole_seconds_never_rounded_up() -> None:
    signed = signer(OSC4, "api").headers("POST", "/", {"Host": "h"}, b"", WALL + SECOND - 1)

    assert signed["x-osc-date"] == "20240102T030405Z"


@given(
    method=st.sampled_from(["GET", "PUT", "HEAD", "DELETE"]),
    path=st.lists(st.text("abcXYZ019-_.~", min_size=1), min_size=1).map(lambda parts: "/" + "/".join(parts)),
    body=st.binary(max_size=50),
    value=st.text("ab ", min_size=1).map(str.strip),
    wall=st.integers(0, 4_000_000_000 * SECOND),
)
def test_aws4_is_what_botocore_gives(method: str, path: str, body: bytes, value: str, wall: int) -> None:
    named = {"Host": "oos.eu-west-2.outscale.com", "X-Amz-Meta-Note": value}

    signed = signer(AWS4, "s3").headers(method, path, named, body, wall)

    stamp = signed["x-amz-date"]
    request = AWSRequest(
        method=method, url=f"https://{named['Host']}{path}", headers={**named, "X-Amz-Date": stamp}, data=body
    )
    request.context["timestamp"] = stamp
    auth = SigV4Auth(Credentials(ACCESS, SECRET), "s3", "eu-west-2")
    # Botocore would clean the path up, which S3 forbids: what is on the wire is what counts.
    auth._normalize_url_path = lambda path: path
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert signed["authorization"].endswith(f"Signature={signature}")
