"""E-mail: who, when, about what, and the body; attachments are named, not read."""

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser

from ingest.readers.building import PageBuilder, Source
from ingest.readers.encoding import NotText, decode
from ingest.readers.html import add_html
from ingest.readers.plain import one_line
from knowledge.documents import Page

_HEADERS = ("From", "To", "Cc", "Date")


def read(source: Source) -> Iterator[Page]:
    source.total(1)
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
    for attachment in message.iter_attachments():
        source.warn(f"attachment {one_line(attachment.get_filename() or 'without a name')} was not read")
    yield builder.page(1, "")


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
