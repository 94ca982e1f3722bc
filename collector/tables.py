"""TOML files as typed tables: each wrong key told at its place, with what was expected and what came."""

import json
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from collector.core.contract import ratio
from collector.core.timeline import Term, duration_of
from collector.errors import ConfigurationError

S = TypeVar("S", bound=msgspec.Struct)

FileName: TypeAlias = Annotated[str, "file name"]
"""A text that can name a file: that there is one is for whoever opens it to find."""

_PLAIN: Mapping[type, str] = {str: "a text", int: "an integer", bool: "true or false"}


def _file_name(text: str) -> str:
    if "\0" in text:
        raise ValueError(text)
    return text


_WRITTEN: Mapping[Any, tuple[str, Callable[[str], Any]]] = {
    Fraction: ('a quoted ratio like "99.97 %"', ratio),
    Term: ('a duration like "10s"', duration_of),
    FileName: ("the name of a file", _file_name),
}
"""What is written as a text: what messages call it, and how it is read; ValueError where it is none."""


def contents(path: Path) -> bytes:
    """The bytes of a configuration file; ConfigurationError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{path}: expected a readable file, got: {error.strerror}"]) from error
    except ValueError as error:  # no file can be called so
        raise ConfigurationError([f"{path}: expected the name of a file, got: {error}"]) from error


def parsed(data: bytes, path: Path) -> dict[str, Any]:
    """The tables of a TOML text; ConfigurationError with line and column if it is none."""
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, numbers or nesting beyond all measure
        raise ConfigurationError([f"{path}: expected TOML, got: {error}"]) from error


def table(value: Any, model: type[S], place: str, problems: list[str]) -> S | None:
    """`value` as a `model`; None when something in it is wrong, all of which is added to `problems`."""
    before = len(problems)
    found = _table(value, model, place, problems)
    return None if len(problems) > before else found


def shown(value: Any) -> str:
    """A value as a message quotes it; tables and lists by their kind only."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def under(place: str, key: str) -> str:
    """The place of `key` in the table at `place`."""
    return f"{place}.{key}" if place else key


def unknown_key(place: str, key: str, known: list[str]) -> str:
    """The problem that `key` of the table at `place` is none of `known`."""
    close = get_close_matches(key, known, 1)
    hint = f' (did you mean "{close[0]}"?)' if close else ""
    return f"{under(place, key)}: unknown key{hint}; expected one of: {', '.join(known)}"


@cache
def _fields(model: type[msgspec.Struct]) -> tuple[dict[str, Any], dict[str, msgspec.structs.FieldInfo]]:
    """The type of each field by its name, and each field by its key."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(model)}
    return get_type_hints(model, include_extras=True), fields


def _table(value: Any, model: type[S], place: str, problems: list[str]) -> S | None:
    if not isinstance(value, dict):
        problems.append(f"{place}: expected a table, got {shown(value)}")
        return None
    before = len(problems)
    types, fields = _fields(model)
    problems += [unknown_key(place, key, list(fields)) for key in value if key not in fields]
    found = {}
    for key, field in fields.items():
        if key in value:
            found[field.name] = _value(value[key], types[field.name], under(place, key), problems)
        elif field.required:
            problems.append(f"{under(place, key)}: expected {_words(types[field.name])}, got nothing")
    if len(problems) > before:
        return None
    try:
        return model(**found)
    except ValueError as error:  # what the table checks itself begins with the key: "call: expected …"
        problems.append(under(place, str(error)))
        return None


def _value(value: Any, wanted: Any, place: str, problems: list[str]) -> Any:
    """`value` as `wanted`; anything, with a problem told, when it is not one."""
    wanted = _member(value, wanted)
    arguments = get_args(wanted)
    match get_origin(wanted):
        case None if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
            return _table(value, wanted, place, problems)
        case origin if origin is tuple and isinstance(value, list):
            return tuple(_value(v, arguments[0], f"{place}[{k}]", problems) for k, v in enumerate(value))
        case origin if origin is dict and isinstance(value, dict):
            return {k: _value(v, arguments[1], under(place, k), problems) for k, v in value.items()}
    try:
        return _leaf(value, wanted)
    except ValueError as error:
        problems.append(f"{place}: {error}")


def _leaf(value: Any, wanted: Any) -> Any:
    if get_origin(wanted) is Literal and isinstance(value, str) and value in get_args(wanted):
        return value
    if wanted in _WRITTEN and isinstance(value, str):
        with suppress(ValueError):  # told below, at no more length than other values
            return _WRITTEN[wanted][1](value)
    if wanted in _PLAIN and type(value) is wanted:
        return value
    if wanted in _PLAIN or wanted in _WRITTEN or get_origin(wanted) in (Literal, tuple, dict):
        raise ValueError(f"expected {_words(wanted)}, got {shown(value)}")
    try:  # a type of a probe kind's own parameters, bounds and all
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        text = str(error).replace("`", "")
        raise ValueError(f"{text[0].lower()}{text[1:]}, got {shown(value)}") from error


def _member(value: Any, wanted: Any) -> Any:
    """Of a union, the member that `value` can be: the table for a table, else the other; TOML has no null."""
    if get_origin(wanted) not in (Union, UnionType):
        return wanted
    members = [m for m in get_args(wanted) if m is not NoneType]
    tables = [m for m in members if isinstance(m, type) and issubclass(m, msgspec.Struct)]
    return (tables or members)[0] if isinstance(value, dict) else members[0]


def _words(wanted: Any) -> str:
    """What a type is called in a message."""
    wanted = _member(None, wanted)
    if get_origin(wanted) is Literal:
        return " or ".join(f'"{word}"' for word in get_args(wanted))
    if wanted in _WRITTEN:
        return _WRITTEN[wanted][0]
    if get_origin(wanted) is Annotated:
        return _words(get_args(wanted)[0])
    if get_origin(wanted) in (tuple, list):
        return "a list"
    return _PLAIN.get(wanted, "a table")
