"""What the demonstration API logs of its calls, and how it tells: filters, fields, and pages."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec
import pytest

from collector.core.timeline import DAY, SECOND
from collector.demo.api_log import written
from collector.demo.fault import Fault
from collector.demo.provider import Provider
from tests.demo.test_api import call, code, now, signed

Client = aiohttp.ClientSession


async def read(provider: Provider, client: Client, **question: Any) -> dict[str, Any]:
    provider.api.limits.identical_apart = provider.api.limits.account_per_second = 0
    body = msgspec.json.encode(question)
    headers = signed(provider, "ReadApiLogs", body)
    _, content = await call(provider, client, "ReadApiLogs", body, headers)
    return content


async def logs(provider: Provider, client: Client, **question: Any) -> list[dict[str, Any]]:
    return list((await read(provider, client, **question))["Logs"])


async def vms(provider: Provider, client: Client) -> str:
    """The request id of a signed read."""
    provider.api.limits.identical_apart = provider.api.limits.account_per_second = 0
    _, content = await call(provider, client, "ReadVms", headers=signed(provider, "ReadVms"))
    context = content["ResponseContext"]
    assert isinstance(context, dict)
    return str(context["RequestId"])


async def test_a_call_is_logged_with_its_id_status_and_duration(provider: Provider, client: Client) -> None:
    before = now()
    asked = await vms(provider, client)
    (entry,) = await logs(provider, client)

    assert entry["RequestId"] == asked
    assert (entry["QueryCallName"], entry["ResponseStatusCode"]) == ("ReadVms", 200)
    assert written(before) <= entry["QueryDate"] <= written(now())
    assert entry["CallDuration"] >= 1
    assert "Authorization" in entry["QueryHeaderRaw"]


async def test_an_anonymous_call_is_nobodys(provider: Provider, client: Client) -> None:
    await call(provider, client, "ReadRegions")

    assert await logs(provider, client) == []


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (Fault.HTTP_503, []),  # in front of the application
        (Fault.HTTP_500, []),
        (Fault.HTML, []),
        (Fault.THROTTLE_ACCOUNT, []),
        (Fault.REFUSE, []),
        (Fault.RESET, []),
        (Fault.INTERNAL_ERROR, [500]),  # in it
        (Fault.TRUNCATED, [200]),  # behind it
    ],
)
async def test_what_did_not_reach_the_application_is_not_logged(
    fault: Fault, statuses: list[int], provider: Provider, client: Client
) -> None:
    provider.api.fault = fault
    with contextlib.suppress(aiohttp.ClientError):
        async with client.post(
            provider.api.url + "/api/v1/ReadVms", data=b"{}", headers=signed(provider, "ReadVms")
        ) as answer:
            await answer.read()
    provider.api.fault = Fault.NONE

    assert [entry["ResponseStatusCode"] for entry in await logs(provider, client)] == statuses


async def test_what_hung_until_its_client_left_is_not_logged(provider: Provider, client: Client) -> None:
    """Once the hang is over, requests that nobody waits for any more are in the connections still."""
    provider.api.fault = Fault.HANG
    for _ in range(3):
        with pytest.raises(asyncio.TimeoutError):
            await client.post(
                provider.api.url + "/api/v1/ReadVms", data=b"{}", headers=signed(provider, "ReadVms"),
                timeout=aiohttp.ClientTimeout(total=0.1),
            )  # fmt: skip
    provider.api.fault = Fault.NONE
    await asyncio.sleep(0.1)

    assert await logs(provider, client) == []


async def test_a_bad_signature_is_not_logged(provider: Provider, client: Client) -> None:
    headers = signed(provider, "ReadVms", changed={"secret_key": "wrong"})
    assert code(await call(provider, client, "ReadVms", headers=headers)) == (401, "1")

    assert await logs(provider, client) == []


async def test_pages_give_every_call_once_and_in_order(provider: Provider, client: Client) -> None:
    asked = [await vms(provider, client) for _ in range(7)]
    found, token, pages = [], "", 0
    while True:
        more = {"NextPageToken": token} if token else {}
        page = await read(provider, client, ResultsPerPage=3, Filters={"QueryCallNames": ["ReadVms"]}, **more)
        pages += 1
        found += [entry["RequestId"] for entry in page["Logs"]]
        if not (token := page.get("NextPageToken", "")):
            break

    assert (found, pages) == (asked, 3)


async def test_filters_leave_what_fits_them_all(provider: Provider, client: Client) -> None:
    first, second = await vms(provider, client), await vms(provider, client)
    only = {"RequestIds": [second], "QueryAccessKeys": [provider.access_key], "ResponseStatusCodes": [200]}

    assert [e["RequestId"] for e in await logs(provider, client, Filters=only)] == [second]
    assert await logs(provider, client, Filters={**only, "QueryAccessKeys": ["AKOTHER"]}) == []
    dates = {"QueryDateAfter": written(now() - SECOND), "QueryDateBefore": written(now() + SECOND)}
    assert [e["RequestId"] for e in await logs(provider, client, Filters=dates, ResultsPerPage=2)] == [
        first,
        second,
    ]
    past = {"QueryDateAfter": written(now() - 2 * DAY), "QueryDateBefore": written(now() - DAY)}
    assert await logs(provider, client, Filters=past) == []


async def test_fields_are_those_asked_for_and_the_two_that_are_always_there(
    provider: Provider, client: Client
) -> None:
    await vms(provider, client)

    (entry,) = await logs(provider, client, With={"QueryDate": True, "AccountId": False})
    assert set(entry) == {"RequestId", "QueryDate"}


@pytest.mark.parametrize(
    "question",
    [
        {"ResultsPerPage": 0}, {"ResultsPerPage": 1001}, {"NextPageToken": 1}, {"NextPageToken": "x"},
        {"With": {"toto": True}}, {"Filters": {"QueryDateAfter": "2017"}}, {"titi": "toto"},
    ],
)  # fmt: skip
async def test_a_question_that_is_none_is_refused(
    question: Mapping[str, Any], provider: Provider, client: Client
) -> None:
    await vms(provider, client)

    assert code((400, await read(provider, client, **question))) == (400, "4110")
