"""E-mail: who, when, about what, and the body; then its attachments, each under its name."""

import io
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser

from ingest.readers.building import PageBuilder, Source
from ingest.readers.encoding import NotText, decode
from ingest.readers.html import add_html
from ingest.readers.plain import one_line
from ingest.unreadable import Unreadable
from knowledge.documents import Page

_HEADERS = ("From", "To", "Cc", "Date")


def read(source: Source) -> Iterator[Page]:
    with source.path.open("rb") as file:
        message = BytesParser(EmailMessage, policy=policy.default).parse(file)
    builder = PageBuilder()
    builder.heading(str(message.get("Subject", "")), 1)
    builder.paragraph(
        "\n".join(f"{name}: {one_line(str(message[name]))}" for name in _HEADERS if message[name])
    )
    body = message.get_body(preferencelist=("plain", "html"))
    if body is not None:
        text = _text(body)
        if body.get_content_subtype() == "html":
            add_html(text, builder)
        else:
            for paragraph in text.replace("\r\n", "\n").split("\n\n"):
                builder.paragraph(paragraph)
    yield builder.page(1, "")
    for attachment in message.iter_attachments():
        yield from _attached(attachment, source)


def _attached(attachment: MIMEPart, source: Source) -> Iterator[Page]:
    """The pages of an attachment, or a warning that names it; pictures within the text are no attachments."""
    if attachment.get_content_maintype() == "image" and attachment.get("Content-ID"):
        return
    letter = attachment.get_content_type() == "message/rfc822"
    name = one_line(attachment.get_filename() or ("letter.eml" if letter else "without a name"))
    if source.member is None:
        source.warn(f"attachment {name} was not read: it is a file inside a file inside another")
        return
    content = attachment.get_content().as_bytes() if letter else attachment.get_payload(decode=True)
    try:
        yield from source.member(io.BytesIO(content if isinstance(content, bytes) else b""), name)
    except Unreadable as error:
        source.warn(f"attachment {name} was not read: {error}")


def _text(body: MIMEPart) -> str:
    data = body.get_payload(decode=True)
    data = data if isinstance(data, bytes) else b""
    try:
        return data.decode(body.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):
        pass
    try:
        return decode(data)
    except NotText:
        return ""
