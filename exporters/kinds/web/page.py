"""The page a person sees at `/`: services, promises and outages, as the API has them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from fractions import Fraction
from html import escape
from typing import Any

from exporters.documents import show

STYLE = """
body{font:15px/1.4 system-ui,sans-serif;margin:2em;max-width:80em}
table{border-collapse:collapse;margin:0 0 2em}
th,td{text-align:left;padding:.25em .9em;border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums}
.down,.MISSED{color:#b00020;font-weight:600}.edge,.OPEN{color:#8a5a00}
.up,.MET{color:#0a6b2d}.unknown{color:#666}
"""
COLOURED = frozenset({"up", "down", "edge", "unknown", "MET", "MISSED", "OPEN"})

Rows = Sequence[Mapping[str, Any]]
Columns = Mapping[str, Callable[[Any], str]]


def page(present: Mapping[str, Any], where: tzinfo) -> str:
    """The whole page of one instant, with times told in `where`; it asks for itself again every 10 s."""

    def at(instant: int) -> str:
        return show.instant(instant, where)

    def ratio(text: str) -> str:
        return show.percent(Fraction(text))

    def promised(text: str) -> str:
        return show.percent(Fraction(text), show.EXACT)

    def hull(parts: Sequence[Sequence[int]]) -> str:
        return f"{at(parts[0][0])} to {at(parts[-1][1])}" if parts else "none"

    promise: Columns = {
        "service": str, "commitment": str, "best": ratio, "worst": ratio, "target": promised, "finding": str,
        "coverage": ratio,
    }  # fmt: skip
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="10">'
        f"<title>Constat</title><style>{STYLE}</style><h1>Constat</h1>"
        + "".join(f'<p class="down">damaged: {escape(one)}</p>' for one in present["damage"])
        + _table("Services", {"service": str, "state": str, "since": at}, present["services"])
        + _table("Promises, over the window that ends now", promise, present["commitments"])
        + _table("Outages", {"service": str, "certain": hull, "possible": hull}, present["outages"])
        + '<p><a href="/metrics">/metrics</a> · /api/v1/<a href="/api/v1/services">services</a>'
        ' · <a href="/api/v1/commitments">commitments</a> · <a href="/api/v1/outages">outages</a></p></html>'
    )


def _table(title: str, columns: Columns, rows: Rows) -> str:
    if not rows:
        return f"<h2>{escape(title)}</h2><p>None.</p>"
    head = "".join(f"<th>{escape(column)}" for column in columns)
    body = "".join(f"<tr>{''.join(_cell(row[name], put) for name, put in columns.items())}" for row in rows)
    return f"<h2>{escape(title)}</h2><table><tr>{head}{body}</table>"


def _cell(value: object, put: Callable[[Any], str]) -> str:
    text = "none" if value is None else put(value)
    return f'<td class="{text}">{text}' if text in COLOURED else f"<td>{escape(text)}"
