"""The command API: shapes of its answers and errors, its signatures, its rate limits and its lock."""

import json
import time
import uuid
from collections.abc import Mapping
from types import MappingProxyType

import aiohttp
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from collector.core.timeline import SECOND
from collector.demo.api import REGION
from collector.demo.fault import Fault
from collector.demo.provider import Provider
from collector.wire.sigv4 import AWS4, OSC4, Brand, Signer

Client = aiohttp.ClientSession
JSON = "application/json; charset=utf-8"


def now() -> int:
    return time.time_ns() // 1000


def signed(
    provider: Provider,
    action: str,
    body: bytes = b"{}",
    *,
    brand: Brand = OSC4,
    at: int | None = None,
    changed: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    who = {
        "region": REGION,
        "service": "api",
        "access_key": provider.access_key,
        "secret_key": provider.secret_key,
    } | dict(changed)
    headers = {"content-type": JSON, "host": provider.api.address}
    signer = Signer(brand=brand, **who)
    return signer.headers("POST", f"/api/v1/{action}", headers, body, now() if at is None else at)


async def call(
    provider: Provider,
    client: Client,
    action: str,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    path: str = "/api/v1/",
) -> tuple[int, dict[str, object]]:
    url = provider.api.url + path + action
    async with client.post(url, data=body, headers=headers or {"content-type": JSON}) as answer:
        assert answer.content_type == "application/json"
        content = json.loads(await answer.read())
        uuid.UUID(content["ResponseContext"]["RequestId"])
        return answer.status, content


def code(answer: tuple[int, dict[str, object]]) -> tuple[int, str]:
    status, content = answer
    errors = content["Errors"]
    assert isinstance(errors, list)
    (error,) = errors
    assert {"Code", "Type", "Details"} == set(error)
    assert isinstance(error["Code"], str)
    return status, error["Code"]


# ------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("path", ["/api/v1/", "/api/latest/"])
async def test_everybody_may_read_the_regions(provider: Provider, client: Client, path: str) -> None:
    status, content = await call(provider, client, "ReadRegions", path=path)

    assert status == 200
    assert content["Regions"] == [{"Endpoint": f"api.{REGION}.demo.example", "RegionName": REGION}]


@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("ReadPublicIpRanges", "PublicIps"), ("ReadLocations", "Locations"), ("ReadVmTypes", "VmTypes"),
        ("ReadProductTypes", "ProductTypes"), ("ReadFlexibleGpuCatalog", "FlexibleGpuCatalog"),
        ("ReadNetAccessPointServices", "Services"), ("ReadPublicCatalog", "Catalog"),
    ],
)  # fmt: skip
async def test_eight_actions_need_no_signature(
    provider: Provider, client: Client, action: str, key: str
) -> None:
    status, content = await call(provider, client, action)

    assert status == 200
    assert set(content) == {key, "ResponseContext"}


async def test_every_answer_has_a_request_id_of_its_own(provider: Provider, client: Client) -> None:
    provider.api.limits.identical_apart = 0
    ids = {str((await call(provider, client, "ReadRegions"))[1]["ResponseContext"]) for _ in range(5)}

    assert len(ids) == 5


async def test_a_dry_run_answers_with_nothing_but_its_context(provider: Provider, client: Client) -> None:
    body = b'{"DryRun": true}'
    status, content = await call(provider, client, "ReadVms", body, signed(provider, "ReadVms", body))

    assert (status, set(content)) == (200, {"ResponseContext"})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
async def test_a_body_that_is_no_object_is_a_bad_request(
    provider: Provider, client: Client, body: bytes
) -> None:
    assert code(await call(provider, client, "ReadRegions", body)) == (400, "4001")


async def test_an_action_that_is_not_there_is_a_bad_request(provider: Provider, client: Client) -> None:
    assert code(await call(provider, client, "ReadMinds")) == (400, "0")


async def test_only_post_is_allowed(provider: Provider, client: Client) -> None:
    async with client.get(provider.api.url + "/api/v1/ReadRegions") as answer:
        assert code((answer.status, await answer.json())) == (405, "2")


# ---------------------------------------------------------------------------------------- signatures


@pytest.mark.parametrize("brand", [OSC4, AWS4])
async def test_either_brand_of_our_own_signature_is_accepted(
    provider: Provider, client: Client, brand: Brand
) -> None:
    headers = signed(provider, "ReadSubregions", b"{}", brand=brand)
    status, content = await call(provider, client, "ReadSubregions", headers=headers)

    assert status == 200
    assert content["Subregions"]


async def test_an_independent_signer_is_accepted(provider: Provider, client: Client) -> None:
    request = AWSRequest("POST", provider.api.url + "/api/v1/ReadSubregions", {"content-type": JSON}, b"{}")
    SigV4Auth(Credentials(provider.access_key, provider.secret_key), "api", REGION).add_auth(request)
    status, _ = await call(provider, client, "ReadSubregions", headers=dict(request.headers))

    assert status == 200


async def test_what_everybody_may_read_may_be_read_signed(provider: Provider, client: Client) -> None:
    headers = signed(provider, "ReadRegions", b"{}")

    assert (await call(provider, client, "ReadRegions", headers=headers))[0] == 200


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"secret_key": "0" * 40}, (401, "1")),
        ({"access_key": "SOMEBODYELSE"}, (400, "4120")),
        ({"region": "elsewhere-2"}, (400, "4120")),
        ({"service": "s3"}, (400, "4120")),
    ],
)
async def test_a_bad_signature_is_refused_in_the_providers_words(
    provider: Provider, client: Client, changed: dict[str, str], refused: tuple[int, str]
) -> None:
    headers = signed(provider, "ReadSubregions", changed=changed)

    assert code(await call(provider, client, "ReadSubregions", headers=headers)) == refused


async def test_a_signature_is_for_one_body_one_action_and_one_quarter_of_an_hour(
    provider: Provider, client: Client
) -> None:
    provider.api.limits.lock = False
    headers = signed(provider, "ReadSubregions", b"{}")
    old = signed(provider, "ReadSubregions", b"{}", at=now() - 16 * 60 * SECOND)
    answers = [
        await call(provider, client, "ReadSubregions", b'{"x": 1}', headers),
        await call(provider, client, "ReadVolumes", b"{}", headers),
        await call(provider, client, "ReadSubregions", b"{}", old),
    ]

    assert [code(answer) for answer in answers] == [(401, "1")] * 3


async def test_another_scheme_of_authorization_is_refused(provider: Provider, client: Client) -> None:
    headers = {"content-type": JSON, "Authorization": "Bearer sesame"}

    assert code(await call(provider, client, "ReadVms", headers=headers)) == (401, "12")


async def test_what_needs_a_signature_is_refused_without_one(provider: Provider, client: Client) -> None:
    assert code(await call(provider, client, "ReadVms")) == (401, "1")


async def test_four_bad_signatures_in_a_row_lock_the_key(provider: Provider, client: Client) -> None:
    for _ in range(4):
        provider.api.limits.identical_apart = 0
        bad = signed(provider, "ReadVms", changed={"secret_key": "0" * 40})
        assert code(await call(provider, client, "ReadVms", headers=bad)) == (401, "1")
    good = signed(provider, "ReadVms", b"{}")

    assert code(await call(provider, client, "ReadVms", headers=good)) == (401, "13")
    assert (await call(provider, client, "ReadRegions"))[0] == 200


async def test_a_good_signature_between_bad_ones_keeps_the_key_open(
    provider: Provider, client: Client
) -> None:
    provider.api.limits.identical_apart = 0
    for _ in range(3):
        for _ in range(3):
            bad = signed(provider, "ReadVms", changed={"secret_key": "0" * 40})
            assert code(await call(provider, client, "ReadVms", headers=bad)) == (401, "1")
        good = signed(provider, "ReadVms", b"{}")
        assert (await call(provider, client, "ReadVms", headers=good))[0] == 200


# -------------------------------------------------------------------------------------------- limits


async def test_the_same_request_twice_in_a_second_is_throttled(provider: Provider, client: Client) -> None:
    assert (await call(provider, client, "ReadRegions"))[0] == 200
    assert code(await call(provider, client, "ReadRegions")) == (429, "25")
    assert (await call(provider, client, "ReadLocations"))[0] == 200
    somebody_else = signed(provider, "ReadRegions")
    assert (await call(provider, client, "ReadRegions", headers=somebody_else))[0] == 200


async def test_an_account_that_asks_too_much_is_throttled(provider: Provider, client: Client) -> None:
    provider.api.limits.account_per_second = 2
    for action in ("ReadRegions", "ReadLocations"):
        assert (await call(provider, client, action))[0] == 200

    assert code(await call(provider, client, "ReadVmTypes")) == (429, "24")
    signature = signed(provider, "ReadVms", b"{}")
    assert (await call(provider, client, "ReadVms", headers=signature))[0] == 200


async def test_a_platform_that_is_asked_too_much_throttles_everybody(
    provider: Provider, client: Client
) -> None:
    provider.api.limits.platform_per_second = 1
    assert (await call(provider, client, "ReadRegions"))[0] == 200
    signature = signed(provider, "ReadVms", b"{}")

    assert code(await call(provider, client, "ReadVms", headers=signature)) == (503, "6")


async def test_limits_can_be_switched_off(provider: Provider, client: Client) -> None:
    limits = provider.api.limits
    limits.identical_apart = limits.account_per_second = limits.platform_per_second = 0

    assert [(await call(provider, client, "ReadRegions"))[0] for _ in range(30)] == [200] * 30


# -------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("fault", "refused"),
    [
        ("throttle-platform", (503, "6")),
        ("throttle-account", (429, "24")),
        ("throttle-call", (429, "25")),
        ("unauthorised", (401, "1")),
    ],
)
async def test_refusals_have_the_status_and_code_of_the_providers_page(
    provider: Provider, client: Client, fault: str, refused: tuple[int, str]
) -> None:
    provider.set("api", fault)

    assert code(await call(provider, client, "ReadRegions")) == refused


async def test_the_soft_throttle_refuses_who_signs_and_answers_the_others(
    provider: Provider, client: Client
) -> None:
    provider.set("api", "soft-throttle")
    signature = signed(provider, "ReadSubregions", b"{}")

    assert code(await call(provider, client, "ReadSubregions", headers=signature)) == (400, "4120")
    assert (await call(provider, client, "ReadRegions"))[0] == 200


async def test_the_wrong_object_is_json_without_a_request_id(provider: Provider, client: Client) -> None:
    provider.api.fault = Fault.WRONG_OBJECT
    async with client.post(provider.api.url + "/api/v1/ReadRegions", data=b"{}") as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert "ResponseContext" not in await answer.json()


async def test_a_503_from_in_front_of_the_api_has_no_code(provider: Provider, client: Client) -> None:
    provider.api.fault = Fault.HTTP_503
    async with client.post(provider.api.url + "/api/v1/ReadRegions", data=b"{}") as answer:
        assert (answer.status, answer.content_type) == (503, "text/html")
