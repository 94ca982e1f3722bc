"""Settings for a collector that watches the demonstration provider: every part of it, as a customer would."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.demo.api import REGION, ZONES
from collector.demo.api_log import ACCOUNT
from collector.demo.names import EXTERNAL_ADDRESS, EXTERNAL_NAME, PRIVATE_ADDRESS, PRIVATE_NAME
from collector.demo.stamps import POLICY
from collector.demo.storage import BUCKET, FIXED_KEY, PUBLIC_KEY
from collector.demo.web import MARK

if TYPE_CHECKING:
    from collector.demo.provider import Provider

CONTRACT = "outscale-cgv-2019-12"

_SERVICES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "command-api",
        "internet",
        ("compute.command-api", "internet.command-api", "load-balancer.command-api"),
    ),
    ("object-publish", "internet", ("object-storage.publish-api",)),
    ("object-access", "internet", ("object-storage.access-api",)),
    ("object-latency", "internal", ("internal-network.object-storage-latency",)),
    ("resolver", "internal", ("internet-services.dns",)),
    ("time", "internal", ("internet-services.ntp",)),
    ("balancer", "internet", ("load-balancer.availability",)),
    ("internet", "internet", ("internet.access",)),
    ("network", "internal", ("internal-network.availability", "internal-network.latency")),
)
"""Service, how it is reached, what is promised about it."""


def configuration(provider: "Provider", state: Path, listen: str) -> str:
    """The text of a settings file; `provider` must run, and its files live as long as it does."""
    tables = [
        "# Written by the demonstration provider: it watches that one, and serves for nothing else.\n",
        _table("[collector]", vantage="demo", state=str(state.absolute())),
        _table("[serve]", listen=listen),
        _table("[contract]", id=CONTRACT),
        _table(
            "[[account]]",
            id=ACCOUNT,
            region=REGION,
            zones=list(ZONES),
            credentials=str(provider.credentials),
        ),
    ]
    tables += [
        _table("[[service]]", name=name, account=ACCOUNT, region=REGION, via=via, commitments=list(ids))
        for name, via, ids in _SERVICES
    ]
    tables += [_table("[[probe]]", **probe) for probe in _probes(provider)]
    if not provider.stamps.off:
        tables += [_table("[[authority]]", **_authority(provider))]
    # So that one sees it come: the demonstration API logs at once, and its calls are few.
    logs = {"kind": "api-logs", "account": ACCOUNT, "target": provider.api.url}
    tables.append(_table("[[source]]", **logs, every="20s", settle="2s"))
    return "\n".join(tables)


def _authority(provider: "Provider") -> dict[str, Any]:
    """Asked at every change, for people to see; others are asked once a minute."""
    stamps = provider.stamps
    return {
        "name": stamps.called,
        "url": stamps.url + "/",
        "ca": str(stamps.ca),
        "policy": POLICY,
        "every": "5s",
    }


def _probes(provider: "Provider") -> list[dict[str, Any]]:
    """Each once a second, but what counts against the provider's rate budget: each once in two."""
    # So short a grid needs a sight that two timeouts cannot hide in; every slot without a run has its gap.
    every = {"interval": "1s", "burst": "1s", "sight": "4s"}
    seldom = {"interval": "2s", "burst": "2s", "sight": "7s"}
    return [
        {**seldom, **probe} if probe["kind"] == "oapi" else {**every, **probe}
        for probe in (*_on_the_platform(provider), *_in_the_network(provider), *_controls(provider))
    ]


def _on_the_platform(provider: "Provider") -> list[dict[str, Any]]:
    api = {"kind": "oapi", "service": "command-api", "target": provider.api.url}
    storage = {"kind": "s3", "target": provider.storage.url}
    signed = {"bucket": BUCKET, "region": REGION}
    fixed = {"mode": "access", "key": FIXED_KEY, "sha256": provider.storage.sha256(FIXED_KEY), **signed}
    public = {
        "mode": "access",
        "bucket": BUCKET,
        "key": PUBLIC_KEY,
        "sha256": provider.storage.sha256(PUBLIC_KEY),
        "signed": False,
    }
    return [
        {"name": "api-anonymous", **api, "params": {"call": "ReadRegions"}},
        {
            "name": "api-signed",
            **api,
            "params": {"call": "ReadSubregions", "signed": True, "region": REGION},
        },
        {
            "name": "object-publish",
            **storage,
            "service": "object-publish",
            "params": {"mode": "publish", "key": "probe/", **signed},
        },
        {"name": "object-signed", **storage, "service": "object-access", "params": fixed},
        {"name": "object-public", **storage, "service": "object-access", "params": public},
        {
            "name": "object-warm",
            **storage,
            "service": "object-latency",
            "params": {**fixed, "warm": True},
        },
    ]


def _in_the_network(provider: "Provider") -> list[dict[str, Any]]:
    resolver = {"kind": "dns", "service": "resolver", "target": provider.dns.address}
    first, second = provider.backends
    return [
        {
            "name": "dns-private",
            **resolver,
            "params": {"name": PRIVATE_NAME, "expect": [PRIVATE_ADDRESS]},
        },
        {
            "name": "dns-external",
            **resolver,
            "params": {"name": EXTERNAL_NAME, "expect": [EXTERNAL_ADDRESS], "transport": "tcp"},
        },
        {"name": "ntp", "kind": "ntp", "service": "time", "target": provider.ntp.address},
        {
            "name": "balancer",
            "kind": "lb",
            "service": "balancer",
            "target": provider.balancer.url + "/",
            "params": {"backends": [first.url + "/", second.url + "/"], "mark": MARK},
        },
        {
            "name": "internet",
            "kind": "http",
            "service": "internet",
            "target": provider.site.url + "/",
            "params": {"ca": str(provider.authority), "sha256": provider.site.sha256},
        },
        {
            "name": "network-echo",
            "kind": "tcp",
            "service": "network",
            "target": provider.echo.address,
            "params": {"send": "still there?\n", "expect": "still there?\n"},
        },
        {
            "name": "network-http",
            "kind": "http",
            "service": "network",
            "target": first.url + "/",
            "params": {"headers": [MARK]},
        },
    ]


def _controls(provider: "Provider") -> list[dict[str, Any]]:
    return [
        {
            "name": "control-http",
            "role": "control",
            "kind": "http",
            "target": provider.control_http.url + "/",
        },
        {"name": "control-tcp", "role": "control", "kind": "tcp", "target": provider.control_tcp.address},
    ]


def _table(header: str, **values: Any) -> str:
    """A table of TOML."""
    return "\n".join([header, *(f"{key} = {_value(value)}" for key, value in values.items())]) + "\n"


def _value(value: Any) -> str:
    """A text, a number, a truth, or a list or table of such, as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # What JSON escapes in a text, TOML's basic strings escape in the same way, except DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
