"""Object storage: objects kept and given back, signatures, errors in XML, and its own faults."""

import hashlib
import time
from collections.abc import Mapping
from types import MappingProxyType
from xml.etree import ElementTree

import aiohttp
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from yarl import URL

from collector.demo.api import REGION
from collector.demo.provider import Provider
from collector.demo.storage import BUCKET, FIXED_KEY, PUBLIC_KEY
from collector.wire.sigv4 import AWS4, Signer

Client = aiohttp.ClientSession
FIXED = f"/{BUCKET}/{FIXED_KEY}"
PUBLIC = f"/{BUCKET}/{PUBLIC_KEY}"


def signed(
    provider: Provider,
    method: str,
    path: str,
    body: bytes = b"",
    changed: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    who = {
        "region": REGION,
        "service": "s3",
        "access_key": provider.access_key,
        "secret_key": provider.secret_key,
    } | dict(changed)
    headers = {"host": provider.storage.address, "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    return Signer(brand=AWS4, **who).headers(method, path, headers, body, time.time_ns() // 1000)


async def ask(
    provider: Provider,
    client: Client,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes, Mapping[str, str]]:
    """Signed, unless `headers` say otherwise."""
    signature = signed(provider, method, path, body) if headers is None else headers
    async with client.request(method, provider.storage.url + path, data=body, headers=signature) as answer:
        return answer.status, await answer.read(), answer.headers


def code(answer: tuple[int, bytes, Mapping[str, str]]) -> tuple[int, str | None]:
    status, body, headers = answer
    assert headers["Content-Type"].startswith("application/xml")
    error = ElementTree.fromstring(body)
    assert error.findtext("RequestId") == headers["x-amz-request-id"]
    return status, error.findtext("Code")


async def test_an_object_is_put_seen_read_and_deleted(provider: Provider, client: Client) -> None:
    path, content = f"/{BUCKET}/probe/1", b"a small object"
    put = await ask(provider, client, "PUT", path, content)
    head = await ask(provider, client, "HEAD", path)
    get = await ask(provider, client, "GET", path)
    delete = await ask(provider, client, "DELETE", path)
    after = await ask(provider, client, "GET", path)

    assert [put[0], head[0], get[0], delete[0]] == [200, 200, 200, 204]
    assert (head[1], get[1]) == (b"", content)
    assert head[2]["Content-Length"] == str(len(content))
    assert put[2]["ETag"] == get[2]["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert code(after) == (404, "NoSuchKey")
    assert len({answer[2]["x-amz-request-id"] for answer in (put, head, get, delete, after)}) == 5


async def test_the_fixed_object_is_for_those_who_sign_and_the_public_one_for_all(
    provider: Provider, client: Client
) -> None:
    _, fixed, _ = await ask(provider, client, "GET", FIXED)
    status, public, _ = await ask(provider, client, "GET", PUBLIC, headers={})

    assert hashlib.sha256(fixed).hexdigest() == provider.storage.sha256(FIXED_KEY)
    assert (status, hashlib.sha256(public).hexdigest()) == (200, provider.storage.sha256(PUBLIC_KEY))
    assert code(await ask(provider, client, "GET", FIXED, headers={})) == (403, "AccessDenied")
    assert code(await ask(provider, client, "PUT", PUBLIC, b"mine", headers={})) == (403, "AccessDenied")


async def test_buckets_are_made_by_a_signed_put(provider: Provider, client: Client) -> None:
    assert code(await ask(provider, client, "PUT", "/new/x", b"1")) == (404, "NoSuchBucket")
    assert code(await ask(provider, client, "GET", "/new")) == (404, "NoSuchBucket")
    assert (await ask(provider, client, "PUT", "/new"))[0] == 200
    assert (await ask(provider, client, "PUT", "/new/x", b"1"))[0] == 200


async def test_a_method_that_is_not_there_is_refused(provider: Provider, client: Client) -> None:
    assert code(await ask(provider, client, "POST", FIXED)) == (405, "MethodNotAllowed")


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"secret_key": "0" * 40}, (403, "SignatureDoesNotMatch")),
        ({"access_key": "SOMEBODYELSE"}, (403, "InvalidAccessKeyId")),
        ({"region": "elsewhere-2"}, (400, "AuthorizationHeaderMalformed")),
    ],
)
async def test_a_bad_signature_is_refused_in_the_words_of_s3(
    provider: Provider, client: Client, changed: dict[str, str], refused: tuple[int, str]
) -> None:
    headers = signed(provider, "GET", FIXED, changed=changed)

    assert code(await ask(provider, client, "GET", FIXED, headers=headers)) == refused


async def test_a_body_that_was_not_signed_is_refused(provider: Provider, client: Client) -> None:
    path = f"/{BUCKET}/x"
    headers = signed(provider, "PUT", path, b"one")

    assert code(await ask(provider, client, "PUT", path, b"two", headers)) == (
        400,
        "XAmzContentSHA256Mismatch",
    )


async def test_an_independent_signer_is_accepted_whatever_it_signs(
    provider: Provider, client: Client
) -> None:
    path = f"/{BUCKET}/a%20b~c?prefix=%2Fx&list-type=2&empty="
    request = AWSRequest("PUT", provider.storage.url + path, {"X-Amz-Meta-Note": "two  spaces"}, b"body")
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(Credentials(provider.access_key, provider.secret_key), "s3", REGION).add_auth(request)
    headers = dict(request.headers)
    url = URL(provider.storage.url + path, encoded=True)
    async with client.put(url, data=b"body", headers=headers) as answer:
        assert answer.status == 200

    assert provider.storage.objects[BUCKET]["a b~c"] == b"body"


@pytest.mark.parametrize(
    ("fault", "refused"),
    [
        ("http-500", (500, "InternalError")),
        ("http-503", (503, "ServiceUnavailable")),
        ("slow-down", (503, "SlowDown")),
        ("unauthorised", (403, "AccessDenied")),
    ],
)
async def test_faulty_storage_says_so_in_xml(
    provider: Provider, client: Client, fault: str, refused: tuple[int, str]
) -> None:
    provider.set("storage", fault)

    assert code(await ask(provider, client, "GET", FIXED)) == refused


async def test_the_wrong_object_has_the_right_size_and_the_right_tag(
    provider: Provider, client: Client
) -> None:
    _, right, before = await ask(provider, client, "GET", FIXED)
    provider.set("storage", "wrong-object")
    status, wrong, after = await ask(provider, client, "GET", FIXED)

    assert (status, len(wrong), after["ETag"]) == (200, len(right), before["ETag"])
    assert wrong != right
