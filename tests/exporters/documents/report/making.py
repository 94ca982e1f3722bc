"""Reports made of the worlds, with their text in each language."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from collector.core.timeline import MINUTE
from exporters.documents.report import LANGUAGES, Language, ReportFacts, Stamp, render
from tests.exporters.documents.report import reading, world


class Made(NamedTuple):
    """A report, with its text in each language."""

    facts: ReportFacts
    fr: str
    en: str

    def of(self, language: Language) -> str:
        return self.fr if language == "fr" else self.en

    @property
    def account(self) -> Mapping[str, Any]:
        whole: dict[str, Any] = json.loads(self.facts.statement)["account"]
        return whole


def made(facts: ReportFacts) -> Made:
    fr, en = (reading.text(render(facts, language)).replace("\xa0", " ") for language in LANGUAGES)
    return Made(facts, fr, en)


def outage_of(folder: Path, name: str = "command-api") -> ReportFacts:
    found = world.drawn(world.two_vantages(folder, name=name), world.WHOLE, world.AS_OF)
    outage = next(one for one in found.account.outages if one.service == name)
    return world.reported(found, "outage", outage.id)


def vouched(facts: ReportFacts) -> ReportFacts:
    stamps = [Stamp("qualified", 10 * k, world.FROM + k * 5 * MINUTE, 1_000_000) for k in range(1, 13)]
    origins = [
        replace(one, first=0, last=one.size - 1, keys=(f"{one.origin}+0a1b2c3d+AekyeRrm",), stamps=stamps)
        for one in facts.origins
    ]
    return replace(facts, origins=origins, deposits=("Me Martin, 2 octobre 2026",))
