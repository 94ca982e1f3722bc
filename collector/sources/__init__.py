"""What the provider states by API: one source per file with one SPEC, found by looking into this folder."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from collector.source import SourceSpec


@cache
def sources() -> Mapping[str, SourceSpec]:
    """Kind → SPEC, for every module of this package; a module is named as its kind, less the hyphens."""
    found: dict[str, SourceSpec] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        spec: SourceSpec = importlib.import_module(f"{__name__}.{module.name}").SPEC
        kind = module.name.replace("_", "-")
        assert spec.kind == kind, f"sources/{module.name}.py: expected kind {kind}, got {spec.kind}"
        found[spec.kind] = spec
    return MappingProxyType(found)
