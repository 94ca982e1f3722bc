"""Mail is handed to a real server, whichever way it wants to be spoken to, and refusals are told."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from collector.demo import certificate
from collector.host.mail import MailError, Relay, Tls, send
from tests.conftest import free_port
from tests.servers.mail import PASSWORD, REFUSED, USER, MailServer

TO = ("a@example.net", "b@example.net")


def mail() -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = "état"
    made.set_content("é\n")
    return made


def relay(server: MailServer, tls: Tls = "none", ca: Path | None = None, password: str = PASSWORD) -> Relay:
    user = USER if server.auth else ""
    return Relay(host="127.0.0.1", port=server.port, tls=tls, ca=ca, user=user, password=password)


@pytest.mark.parametrize("tls", ["none", "starttls", "tls"])
def test_mail_is_taken_for_all_it_is_to_encrypted_or_not(tmp_path: Path, tls: Tls) -> None:
    found = certificate.make(tmp_path)
    with MailServer(
        None if tls == "none" else found.right, tls == "starttls", auth=tls == "starttls"
    ) as server:
        send(relay(server, tls, found.authority), mail(), "c@example.net", TO)

    ((to, taken),) = server.taken
    assert to == list(TO)
    assert taken["Subject"] == "état"
    assert taken.get_content().splitlines() == ["é"]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_server_with_a_certificate_for_another_name_or_of_another_authority_gets_nothing(
    tmp_path: Path, tls: Tls
) -> None:
    found = certificate.make(tmp_path)
    for context, ca in ((found.wrong, found.authority), (found.right, None)):
        with (
            MailServer(context, tls == "starttls", auth=tls == "starttls") as server,
            pytest.raises(MailError, match=r"127.0.0.1:\d+: expected it to take the mail.*CERTIF"),
        ):
            send(relay(server, tls, ca), mail(), "c@example.net", TO)
        assert server.taken == []


def test_a_wrong_password_is_refused_and_no_password_is_told(tmp_path: Path) -> None:
    found = certificate.make(tmp_path)
    with (
        MailServer(found.right, starttls=True, auth=True) as server,
        pytest.raises(MailError, match=r"credentials are refused \(535\)") as raised,
    ):
        send(relay(server, "starttls", found.authority, "another secret"), mail(), "c@example.net", TO)

    assert "another secret" not in str(raised.value)
    assert PASSWORD not in repr(relay(server))


def test_for_whom_it_is_refused_is_told_of_some_and_of_all() -> None:
    with MailServer() as server:
        with pytest.raises(MailError, match=f"expected it to take the mail for all, refused: {REFUSED}"):
            send(relay(server), mail(), "c@example.net", (*TO, REFUSED))
        with pytest.raises(MailError, match=f"all refused: {REFUSED}"):
            send(relay(server), mail(), "c@example.net", (REFUSED,))


def test_where_no_server_is_there_is_told() -> None:
    nobody = Relay(host="127.0.0.1", port=free_port(), tls="none")
    with pytest.raises(MailError, match="refused"):
        send(nobody, mail(), "c@example.net", TO)
