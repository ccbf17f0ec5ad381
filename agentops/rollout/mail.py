"""Tell by mail: plain text through a server of the team's, with STARTTLS (RFC 3207).

A password is never sent in the clear: where a user is set and the server offers no TLS, nothing is sent.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from agentops.model.rollout_settings import Notify
from agentops.rollout.messages import Answer, Message, letter

_IMPLICIT_TLS = 465
# What this machine calls itself to the server; its own name is nobody's business (RFC 5321, 4.1.3).
_ME = "[127.0.0.1]"
_DOMAIN = "agentops.invalid"


def lacking(target: Notify) -> tuple[str, ...]:
    """What the settings of a mail do not say."""
    needed = (
        ("host", target.host),
        ("to", target.to),
        ("sender", target.sender or (target.user if "@" in (target.user or "") else None)),
    )
    found = [f"{name} is missing" for name, value in needed if not value]
    if bool(target.user) != bool(target.password_env):
        found.append("user and password_env belong together")
    if any(not _sound(address) for address in (*target.to, *((target.sender,) if target.sender else ()))):
        found.append("an address is none: give name@host")
    return tuple(found)


def sender(
    target: Notify, password: str, *, timeout_s: float, context: ssl.SSLContext | None = None
) -> Callable[[Message], Answer]:
    """What mails one message, and tells in an Answer what came of it. `context` says which certificates are trusted;
    those of the system unless given."""

    def send(message: Message) -> Answer:
        trusted = context or ssl.create_default_context()
        try:
            server = _connected(target, trusted, timeout_s)
        except Exception as error:  # noqa: BLE001  its own words may hold an address, and none must leave here
            return _failed(error)
        try:
            return _handed_over(server, target, message, trusted, password)
        except Exception as error:  # noqa: BLE001  they may hold the password
            return _failed(error)
        finally:
            # The server has the mail by now, or has not: how it says good-bye changes nothing.
            with contextlib.suppress(OSError):
                server.quit()
            server.close()

    return send


def _handed_over(
    server: smtplib.SMTP, target: Notify, message: Message, context: ssl.SSLContext, password: str
) -> Answer:
    trouble = _secured(server, target, context)
    if trouble:
        return Answer(trouble)
    if target.user:
        server.login(target.user, password)
    lost = server.send_message(_mail(target, message), target.sender or target.user, list(target.to))
    return Answer(f"{len(lost)} of {len(target.to)} addresses were refused") if lost else Answer()


def _connected(target: Notify, context: ssl.SSLContext, timeout_s: float) -> smtplib.SMTP:
    host = target.host or ""
    if target.port == _IMPLICIT_TLS:
        return smtplib.SMTP_SSL(host, target.port, local_hostname=_ME, timeout=timeout_s, context=context)
    return smtplib.SMTP(host, target.port, local_hostname=_ME, timeout=timeout_s)


def _secured(server: smtplib.SMTP, target: Notify, context: ssl.SSLContext) -> str:
    """Turn to TLS where the server can; "" where that will do, else why nothing is sent."""
    server.ehlo_or_helo_if_needed()
    if isinstance(server, smtplib.SMTP_SSL):
        return ""
    if server.has_extn("starttls"):
        server.starttls(context=context)
        server.ehlo()
        return ""
    return "it offers no STARTTLS, and a password is not sent in the clear" if target.user else ""


def _mail(target: Notify, message: Message) -> EmailMessage:
    subject, text = letter(message)
    mail = EmailMessage()
    mail["From"] = target.sender or target.user or ""
    mail["To"] = ", ".join(target.to)
    mail["Subject"] = subject
    mail["Date"] = formatdate(message.at)
    mail["Message-ID"] = make_msgid(domain=_DOMAIN)
    # No answers by robots (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    return mail


def _failed(error: Exception) -> Answer:
    """Why nothing was sent. Only trouble on the way and what the server calls passing are worth another attempt."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Answer("user or password are not accepted")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({code for code, _ in error.recipients.values()})
        return Answer(f"every address was refused ({', '.join(map(str, codes))})", again=all(c < 500 for c in codes))
    if isinstance(error, smtplib.SMTPResponseException):
        return Answer(f"the server answered {error.smtp_code}", again=400 <= error.smtp_code < 500)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Answer("its certificate is not trusted here")
    if isinstance(error, TimeoutError):
        return Answer("it did not answer in time", again=True)
    if isinstance(error, ConnectionRefusedError):
        return Answer("it refused the connection", again=True)
    return Answer(f"the connection failed ({type(error).__name__})", again=isinstance(error, OSError))


def _sound(address: str) -> bool:
    name, at, host = address.rpartition("@")
    return bool(name and at and host) and address.isprintable() and not any(c in address for c in " ,;<>\r\n")
