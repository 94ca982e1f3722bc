"""Who may ask the server: everybody on this machine, elsewhere only holders of the token over TLS."""

import hmac
import ssl
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from collector.errors import ConfigurationError
from collector.settings.listen import Listen, is_loopback

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What a supervisor may ask without a token: whether we live, nothing about anybody's services."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door(Listen):
    """Where the server listens, and what guards it there."""

    token: str = ""
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False
    """A proxy that ends TLS stands before us; said by the operator, not found out."""


def permitted(door: Door) -> None:
    """Raises ConfigurationError where what is served would be open to the network."""
    problems = []
    if not door.loopback and not door.token:
        problems.append(
            f"{door.host} is not loopback: expected a token, got none: give --token-file,"
            " or listen on 127.0.0.1"
        )
    if not door.loopback and door.certificate is None and not door.behind_proxy:
        problems.append(
            f"{door.host} is not loopback: expected TLS or a stated proxy, got neither:"
            " give --certificate and --key, or --behind-proxy"
        )
    if (door.certificate is None) != (door.key is None):
        problems.append("--certificate and --key: expected both or none, got one")
    if problems:
        raise ConfigurationError(problems)


def tls(door: Door) -> ssl.SSLContext | None:
    """The server's TLS, if it has a certificate; raises ConfigurationError when the files do not serve."""
    if door.certificate is None or door.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(door.certificate, door.key)
    except (OSError, ssl.SSLError) as error:
        where = f"--certificate {door.certificate} --key {door.key}"
        raise ConfigurationError(
            [f"{where}: expected a certificate and its key in PEM, got {error}"]
        ) from None
    return context


def guarded(door: Door) -> Middleware:
    """The middleware that lets nobody else in."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if door.loopback and not door.behind_proxy and not _names_this_machine(request.host):
            # A page elsewhere may point its own name at 127.0.0.1 and have a browser here read us for it.
            raise web.HTTPMisdirectedRequest(text="ask for this machine by 127.0.0.1 or localhost\n")
        if door.token and request.path not in OPEN_PATHS:
            _ask_for(door.token, request.headers.get("Authorization"))
        return await handler(request)

    return guard


def _ask_for(token: str, given: str | None) -> None:
    """Raises what RFC 6750 (sections 2.1 and 3) has for who does not bear the token."""
    scheme, _, borne = (given or "").partition(" ")
    # What is no UTF-8 has come as surrogates.
    if scheme.lower() != "bearer" or not hmac.compare_digest(
        borne.strip(" ").encode("utf-8", "surrogateescape"), token.encode()
    ):
        challenge = 'Bearer realm="constat"' + (', error="invalid_token"' if given else "")
        raise web.HTTPUnauthorized(
            headers={"WWW-Authenticate": challenge},
            text='expected a header "Authorization: Bearer", with the token of --token-file, '
            f"got {'another' if given else 'none'}\n",
        )


async def hardened(_: web.Request, response: web.StreamResponse) -> None:
    """What a browser may do with an answer, with refusals and errors too: nothing."""
    response.headers.update(HEADERS)


def _names_this_machine(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name == "localhost" or is_loopback(name.strip("[]"))
