"""unbound, answering for a zone of its own."""

import shutil
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from tests.servers.process import Server

CONFIGURATION = """
server:
    interface: 127.0.0.1@{port}
    directory: "{directory}"
    chroot: ""
    username: ""
    pidfile: ""
    do-daemonize: no
    use-syslog: no
    do-ip6: no
    num-threads: 1
    access-control: 127.0.0.0/8 allow
    module-config: "iterator"
    local-zone: "constat.test." static
    local-data: "www.constat.test. 60 IN A 192.0.2.10"
remote-control:
    control-enable: no
"""


class Unbound(Server):
    """Answers www.constat.test A 192.0.2.10, over UDP and TCP."""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(directory)
        self.port = port

    def command(self) -> list[str]:
        file = self.directory / "unbound.conf"
        file.write_text(CONFIGURATION.format(port=self.port, directory=self.directory))
        return [shutil.which("unbound", path="/usr/sbin:/usr/bin") or "unbound", "-d", "-p", "-c", str(file)]

    def answers(self) -> bool:
        query = dns.message.make_query("www.constat.test", "A")
        try:
            return bool(dns.query.udp(query, "127.0.0.1", port=self.port, timeout=0.3).answer)
        except (dns.exception.DNSException, OSError):
            return False
