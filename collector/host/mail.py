"""Mail handed to a server, by SMTP."""

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Literal, TypeAlias

from collector.errors import ConstatError

Tls: TypeAlias = Literal["none", "starttls", "tls"]

PATIENCE_S = 30.0
"""For each step of the exchange."""


class MailError(ConstatError):
    """The mail was not taken, or not for everybody it is to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The server that takes our mail, and how it is spoken to."""

    host: str
    port: int
    tls: Tls
    ca: Path | None = None
    """Its authority's certificates, PEM; None: those that this machine trusts."""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


def send(relay: Relay, message: EmailMessage, sender: str, to: Sequence[str]) -> None:
    """Hand a mail over, for all of `to` or with a MailError that says for whom not."""
    where = f"{relay.host}:{relay.port}"
    try:
        with _connected(relay) as server:
            if relay.user:
                server.login(relay.user, relay.password)
            refused = server.send_message(message, sender, list(to))
    except (OSError, smtplib.SMTPException) as error:
        raise MailError(f"{where}: expected it to take the mail, got: {_said(error)}") from None
    if refused:
        some = ", ".join(sorted(refused))
        raise MailError(f"{where}: expected it to take the mail for all, refused: {some}")


def _connected(relay: Relay) -> smtplib.SMTP:
    if relay.tls == "none":
        return smtplib.SMTP(relay.host, relay.port, timeout=PATIENCE_S)
    context = ssl.create_default_context(cafile=relay.ca)
    if relay.tls == "tls":
        return smtplib.SMTP_SSL(relay.host, relay.port, timeout=PATIENCE_S, context=context)
    server = smtplib.SMTP(relay.host, relay.port, timeout=PATIENCE_S)
    try:
        server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _said(error: Exception) -> str:
    """What went wrong, without what was sent: an answer to a login may quote it."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the credentials are refused ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"all refused: {', '.join(sorted(error.recipients))}"
    return str(error) or type(error).__name__
