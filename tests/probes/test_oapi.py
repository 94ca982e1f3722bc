"""The command API's answers, and whose fault each is."""

from typing import Any

import msgspec
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from collector.core.record import Outcome, Reason
from collector.probes.oapi import Params
from tests.probes import scripted
from tests.probes.cases import API_ANSWER
from tests.probes.conftest import KEYS, Run
from tests.probes.scripted import Asked, response

ID = "0475ca1e-d0c5-441d-712a-da55a4175157"


def refusal(status: int, code: str) -> bytes:
    body = (
        f'{{"Errors":[{{"Code":"{code}","Type":"T","Details":""}}],"ResponseContext":{{"RequestId":"{ID}"}}}}'
    )
    return response(status, body.encode(), Content_Type="application/json")


XML = b"<Response><Errors><Error><Code>%b</Code></Error></Errors><RequestID>xml-id</RequestID></Response>"


@pytest.mark.parametrize(
    ("answer", "outcome", "reason", "code"),
    [
        (API_ANSWER, Outcome.OK, Reason.NONE, ""),
        # The service itself.
        (refusal(500, "2000"), Outcome.FAILED, Reason.STATUS, "2000"),
        (response(502, b"<html>bad gateway</html>"), Outcome.FAILED, Reason.STATUS, ""),
        (response(503, b"<html>maintenance</html>"), Outcome.FAILED, Reason.STATUS, ""),
        (refusal(503, "7"), Outcome.FAILED, Reason.STATUS, "7"),
        (response(504), Outcome.FAILED, Reason.STATUS, ""),
        (response(200, b"<html>hello</html>"), Outcome.FAILED, Reason.PROTOCOL, ""),
        (response(200), Outcome.FAILED, Reason.PROTOCOL, ""),
        (response(200, b'{"Regions":[]}'), Outcome.FAILED, Reason.CONTENT, ""),
        (response(200, b'{"ResponseContext":{"RequestId":""}}'), Outcome.FAILED, Reason.CONTENT, ""),
        (response(200, b"[]"), Outcome.FAILED, Reason.PROTOCOL, ""),
        (response(200, b"[" * 5000), Outcome.FAILED, Reason.PROTOCOL, ""),
        (response(200, b'"\xff"'), Outcome.FAILED, Reason.PROTOCOL, ""),
        (refusal(200, "6"), Outcome.FAILED, Reason.CONTENT, "6"),
        (response(301, Location="/"), Outcome.FAILED, Reason.REDIRECT, ""),
        (response(201, b"{}"), Outcome.FAILED, Reason.STATUS, ""),
        # Refused for rate.
        (refusal(503, "6"), Outcome.THROTTLED, Reason.RATE_PLATFORM, "6"),
        (response(503, XML % b"6"), Outcome.THROTTLED, Reason.RATE_PLATFORM, "6"),
        (refusal(429, "24"), Outcome.THROTTLED, Reason.RATE_ACCOUNT, "24"),
        (refusal(429, "25"), Outcome.THROTTLED, Reason.RATE_CALL, "25"),
        (response(429, b"slow down"), Outcome.THROTTLED, Reason.RATE_ACCOUNT, ""),
        (refusal(400, "4120"), Outcome.THROTTLED, Reason.RATE_UNSAID, "4120"),
        (response(400, b'{"Errors":[{"Code":4120}]}'), Outcome.THROTTLED, Reason.RATE_UNSAID, "4120"),
        # Our own fault.
        (refusal(400, "7000"), Outcome.BLIND, Reason.REQUEST, "7000"),
        (refusal(401, "1"), Outcome.BLIND, Reason.CREDENTIALS, "1"),
        (refusal(403, "8"), Outcome.BLIND, Reason.CREDENTIALS, "8"),
        (refusal(405, "2"), Outcome.BLIND, Reason.REQUEST, "2"),
        (response(404), Outcome.BLIND, Reason.REQUEST, ""),
        (
            response(401, b'{"type":"urn:denied","status":401}', Content_Type="application/problem+json"),
            Outcome.BLIND,
            Reason.CREDENTIALS,
            "urn:denied",
        ),
        (
            response(400, b'{"__type":"ValidationException"}'),
            Outcome.BLIND,
            Reason.REQUEST,
            "ValidationException",
        ),
    ],
)
async def test_each_answer_has_its_verdict(
    answer: bytes, outcome: Outcome, reason: Reason, code: str, run: Run
) -> None:
    async with scripted.tcp(scripted.http(lambda _: answer)) as port:
        seen = await run("oapi", f"http://127.0.0.1:{port}")

    assert (seen.outcome, seen.reason) == (outcome, reason)
    assert seen.facts.get("code", "") == code
    assert (seen.body == b"") == (outcome is Outcome.OK or answer.endswith(b"\r\n\r\n"))


async def test_what_the_provider_can_find_again_is_kept(run: Run) -> None:
    async with scripted.tcp(scripted.http(lambda _: API_ANSWER)) as port:
        seen = await run("oapi", f"http://127.0.0.1:{port}")

    assert seen.facts["request_id"] == ID
    assert seen.facts["date"] == "Sun, 22 Nov 2026 23:00:00 GMT"
    assert seen.facts["server"] == "gateway"
    assert seen.facts["status"] == 200


@pytest.mark.parametrize(
    "answer", [response(400, XML % b"x"), response(400, b"", x_amz_requestid="xml-id")], ids=["xml", "header"]
)
async def test_older_shapes_of_the_request_id_are_found(answer: bytes, run: Run) -> None:
    async with scripted.tcp(scripted.http(lambda _: answer)) as port:
        seen = await run("oapi", f"http://127.0.0.1:{port}")

    assert seen.facts["request_id"] == "xml-id"


async def test_a_refusal_keeps_its_request_id_too(run: Run) -> None:
    date = b"Date: Sun, 22 Nov 2026 23:00:00 GMT\r\n\r\n"
    answer = refusal(500, "2000").replace(b"\r\n\r\n", b"\r\n" + date, 1)
    async with scripted.tcp(scripted.http(lambda _: answer)) as port:
        seen = await run("oapi", f"http://127.0.0.1:{port}")

    assert (seen.facts["request_id"], seen.facts["date"]) == (ID, "Sun, 22 Nov 2026 23:00:00 GMT")
    assert "user_agent" not in seen.facts


async def test_a_request_that_no_id_came_back_for_is_known_by_a_user_agent_of_its_own(run: Run) -> None:
    """By it the provider's log says whether it had the request, though no answer reached us."""
    asked: list[Asked] = []

    def front(request: Asked) -> bytes:
        asked.append(request)
        return response(503, b"<html>maintenance</html>")

    async with scripted.tcp(scripted.http(front)) as port:
        seen = [await run("oapi", f"http://127.0.0.1:{port}") for _ in range(2)]
    refused = await run("oapi", f"http://127.0.0.1:{port}")

    agents = [one.facts["user_agent"] for one in (*seen, refused)]
    assert agents[:2] == [request.headers["user-agent"] for request in asked]
    assert len(set(agents)) == 3
    assert "request_id" not in seen[0].facts


def noting(asked: list[Asked]) -> scripted.Handler:
    """Answers rightly, and keeps what it was asked."""

    def respond(request: Asked) -> bytes:
        asked.append(request)
        return API_ANSWER

    return scripted.http(respond)


async def test_an_anonymous_read_is_a_plain_post(run: Run) -> None:
    asked: list[Asked] = []
    async with scripted.tcp(noting(asked)) as port:
        await run("oapi", f"http://127.0.0.1:{port}", keys={})

    assert (asked[0].method, asked[0].path, asked[0].body) == ("POST", "/api/v1/ReadRegions", b"{}")
    assert asked[0].headers["content-type"] == "application/json; charset=utf-8"
    assert "authorization" not in asked[0].headers


async def test_a_signed_read_carries_a_signature_over_what_was_really_sent(run: Run) -> None:
    asked: list[Asked] = []
    async with scripted.tcp(noting(asked)) as port:
        await run(
            "oapi", f"http://127.0.0.1:{port}", call="ReadVms", body='{"DryRun":true}', signed=True,
            region="eu-west-2",
        )  # fmt: skip

    (request,) = asked
    assert request.headers["authorization"] == osc4(request, port)


def osc4(request: Asked, port: int) -> str:
    """The signature that botocore gives, with Amazon's words replaced by the provider's."""

    class Osc4(SigV4Auth):  # type: ignore[misc]
        def signature(self, string_to_sign: str, request: AWSRequest) -> Any:
            key = self.credentials.secret_key
            date = request.context["timestamp"][:8]
            digest = self._sign(("OSC4" + key).encode(), date)
            for part in (self._region_name, self._service_name, "osc4_request"):
                digest = self._sign(digest, part)
            return self._sign(digest, string_to_sign, hex=True)

    stamp = request.headers["x-osc-date"]
    signing = AWSRequest(
        method="POST",
        url=f"http://127.0.0.1:{port}{request.path}",
        headers={
            "Content-Type": request.headers["content-type"],
            "Host": f"127.0.0.1:{port}",
            "X-Osc-Date": stamp,
        },
        data=request.body,
    )
    signing.context["timestamp"] = stamp
    auth = Osc4(Credentials(KEYS["access_key"], KEYS["secret_key"]), "api", "eu-west-2")
    scope = f"{stamp[:8]}/eu-west-2/api/osc4_request"
    digest = auth.string_to_sign(signing, auth.canonical_request(signing)).split("\n")[-1]
    signature = auth.signature("\n".join(("OSC4-HMAC-SHA256", stamp, scope, digest)), signing)
    return (
        f"OSC4-HMAC-SHA256 Credential={KEYS['access_key']}/{scope}, "
        f"SignedHeaders=content-type;host;x-osc-date, Signature={signature}"
    )


async def test_a_signed_read_without_keys_asks_nothing_and_is_blind(run: Run) -> None:
    seen = await run("oapi", "http://127.0.0.1:1", signed=True, region="eu-west-2", keys={})

    assert (seen.outcome, seen.reason) == (Outcome.BLIND, Reason.CREDENTIALS)


@pytest.mark.parametrize("params", [{"call": "DeleteVms"}, {"call": "../x"}, {"signed": True}])
def test_parameters_that_could_do_harm_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(params, Params)
