"""A mail server on a loopback port, in this process: it keeps what it is handed."""

import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.conftest import free_port

USER, PASSWORD = "constat", "a word nobody prints"
REFUSED = "nobody@example.net"


@dataclass
class MailServer:
    """Takes mail for everybody but `REFUSED`; with `auth` only from who knows the password."""

    tls: ssl.SSLContext | None = None
    starttls: bool = False
    auth: bool = False
    taken: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    """Whom each mail is to, and the mail."""

    def __post_init__(self) -> None:
        self.port = free_port()
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            ssl_context=None if self.starttls else self.tls,
            tls_context=self.tls if self.starttls else None,
            require_starttls=self.starttls,
            authenticator=_authenticated,
            auth_required=self.auth,
            auth_require_tls=self.starttls,
        )

    def __enter__(self) -> "MailServer":
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802 (the name aiosmtpd asks for)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == REFUSED:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.taken.append((list(envelope.rcpt_tos), mail))
        return "250 OK"


def _authenticated(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=known, handled=False)
