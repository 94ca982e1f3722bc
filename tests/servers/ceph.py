"""A one-host Ceph with its RADOS gateway, in memory, on loopback: real S3."""

import os
import shutil
import subprocess
import tempfile
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conftest import free_port
from tests.servers.process import Server, listens

ACCESS_KEY = "CONSTATTESTKEY000000"
SECRET_KEY = "constat-test-secret-0000000000000000000"

CONFIGURATION = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
public addr = 127.0.0.1
keyring = {directory}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 5000
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 1073741824
log file = {directory}/log/$name.log
admin socket = {run}/$name.asok
pid file = {directory}/$name.pid
run dir = {run}
mon data = {directory}/mon
osd data = {directory}/osd
rgw data = {directory}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
"""


class Monitor(Server):
    """The one monitor of the cluster."""

    def __init__(self, directory: Path, environment: dict[str, str], port: int) -> None:
        super().__init__(directory)
        self.environment = environment
        self.port = port

    def command(self) -> list[str]:
        return ["env", f"CEPH_CONF={self.environment['CEPH_CONF']}", "ceph-mon", "-f", "-i", "a"]

    def answers(self) -> bool:
        return listens(self.port)


class Store(Monitor):
    """The one object store of the cluster; the monitor says when it is up."""

    def command(self) -> list[str]:
        return ["env", f"CEPH_CONF={self.environment['CEPH_CONF']}", "ceph-osd", "-f", "-i", "0"]

    def answers(self) -> bool:
        return True


class RadosGateway(Server):
    """radosgw over its own cluster, with ACCESS_KEY and SECRET_KEY; starting it all takes about 12 s."""

    def __init__(self, directory: Path, port: int, buckets: Sequence[str] = ()) -> None:
        super().__init__(directory / "gateway")
        self.port = port
        self.buckets = buckets
        self._root = directory
        self._environment = {**os.environ, "CEPH_CONF": str(directory / "ceph.conf")}
        monitor_port = free_port()
        self._v1 = free_port()
        self._monitor = Monitor(directory / "monitor", self._environment, monitor_port)
        self._store = Store(directory / "store", self._environment, monitor_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return ["env", f"CEPH_CONF={self._environment['CEPH_CONF']}", "radosgw", "-f", "-n", "client.rgw.a"]

    def answers(self) -> bool:
        return listens(self.port)

    def __enter__(self) -> "RadosGateway":
        try:
            self._make_cluster()
            self.start()
            self._run("radosgw-admin", "user", "create", "--uid=probe", "--display-name=probe",
                      f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}")  # fmt: skip
            for bucket in self.buckets:
                self._make_bucket(bucket)
        except BaseException:
            self._end_all()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end_all()

    def _make_bucket(self, bucket: str) -> None:
        request = AWSRequest("PUT", f"{self.url}/{bucket}")
        S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", "eu-west-2").add_auth(request)
        signed = urllib.request.Request(request.url, method="PUT", headers=dict(request.headers.items()))
        with urllib.request.urlopen(signed, timeout=10) as answer:
            assert answer.status == 200

    def _end_all(self) -> None:
        for server in (self, self._store, self._monitor):
            server.kill()
        shutil.rmtree(self._run_directory, ignore_errors=True)

    @property
    def _run_directory(self) -> Path:
        """Admin sockets want a short path (108 bytes)."""
        return Path(tempfile.gettempdir()) / f"constat-ceph-{os.getpid()}-{self.port}"

    def _make_cluster(self) -> None:
        root, fsid, osd = self._root, str(uuid.uuid4()), str(uuid.uuid4())
        for name in ("mon", "osd", "rgw", "log"):
            (root / name).mkdir(parents=True, exist_ok=True)
        self._run_directory.mkdir(exist_ok=True)
        (root / "ceph.conf").write_text(
            CONFIGURATION.format(fsid=fsid, directory=root, run=self._run_directory, port=self.port,
                                 v2=self._monitor.port, v1=self._v1)
        )  # fmt: skip
        keyring = str(root / "keyring")
        self._run("ceph-authtool", "-C", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name in ("client.admin", "osd.0", "client.rgw.a"):
            self._run("ceph-authtool", keyring, "--gen-key", "-n", name, "--cap", "mon", "allow *",
                      "--cap", "osd", "allow *", "--cap", "mgr", "allow *")  # fmt: skip
        addresses = f"[v2:127.0.0.1:{self._monitor.port},v1:127.0.0.1:{self._v1}]"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", addresses, str(root / "monmap"))
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(root / "monmap"), "--keyring", keyring)
        self._monitor.start()
        self._run("ceph", "--connect-timeout", "20", "osd", "new", osd)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._store.start()

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, env=self._environment, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.decode()}"
