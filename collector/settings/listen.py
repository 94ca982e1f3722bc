"""Where the read side listens, as settings and command line say it: "host:port"."""

import ipaddress
import re
from dataclasses import dataclass

from collector.tables import shown

_WRITTEN = re.compile(r"(?:\[([^\s\[\]]+)\]|([^\s\[\]]+)):([0-9]{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the read side listens."""

    host: str
    port: int
    """0 takes a free one."""

    @property
    def loopback(self) -> bool:
        """Whether only this machine can ask there."""
        return self.host == "localhost" or is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether `host` is an address of this machine alone; a name is none."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen_of(text: str) -> Listen:
    """What "host:port" or "[v6]:port" says; ValueError for anything else."""
    found = _WRITTEN.fullmatch(text)
    if not found or int(found[3]) > 65535:
        raise ValueError(f'expected "host:port" like "127.0.0.1:9617", got {shown(text)}')
    return Listen(host=found[1] or found[2], port=int(found[3]))
