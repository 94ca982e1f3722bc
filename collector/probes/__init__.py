"""One kind of probe per file, each with one SPEC, found by looking into this folder."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from collector.probe import ProbeSpec


@cache
def specs() -> Mapping[str, ProbeSpec]:
    """Kind → SPEC, for every module of this package; a module is named as its kind."""
    found: dict[str, ProbeSpec] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        spec: ProbeSpec = importlib.import_module(f"{__name__}.{module.name}").SPEC
        assert spec.kind == module.name, (
            f"probes/{module.name}.py: expected kind {module.name}, got {spec.kind}"
        )
        found[spec.kind] = spec
    return MappingProxyType(found)
