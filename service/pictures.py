"""Images that come with a question: as they are for a model that sees, else the text in them.

A picture is a stranger's file: here only the size that its head states is looked at, and the text is taken
out of it in the cage.
"""

import base64
import binascii
import io
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import imagesize
from anyio import from_thread

from ingest.cage import read_pages
from ingest.limits import MIB
from ingest.unreadable import NoText, Unreadable
from instructions.front_matter import FrontMatter
from instructions.prompt import Attached
from service.actions.egress import Outbound, origin_of
from service.builtin.fetch import covers
from service.events import Question
from service.files import content_of
from service.installation import Installation, read_limits
from service.instruction import instruction_of
from service.model import QUOTE
from service.records import Assistant

_MILLION = 1_000_000
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+)*?(;base64)?,", re.IGNORECASE)
_KINDS = (  # how a file begins, what it is, and how a reader knows it
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png", "png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg", "jpg"),
    (re.compile(rb"GIF8[79]a"), "image/gif", "gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp", "webp"),
)
# Names of models that see, for where neither the assistant nor the operator says.
_SEES = re.compile(
    r"gpt-4o|gpt-4\.1|gpt-4-turbo|gpt-[5-9]|chatgpt|\bo[134]\b|claude|gemini|gemma-?3|llava|bakllava|vision|"
    r"[-.\d]vl\b|\bvl[-:]|minicpm-v|pixtral|moondream|llama-?4|mistral-small-?3",
    re.IGNORECASE,
)


class UnusableImage(Exception):
    """An image of the question cannot be taken; the message says which, and what to do."""


@dataclass(frozen=True, kw_only=True)
class _Picture:
    """One image, checked."""

    number: int  # counted from 1, for people
    content: bytes
    media_type: str
    extension: str
    part: Mapping[str, Any]  # as a model that sees gets it


def sees(model: str, front: FrontMatter, setting: bool | None) -> bool:
    """Whether a model takes images: as the assistant says, the operator, or the name of the model."""
    if front.sees is not None:
        return front.sees
    if setting is not None and front.model is None:
        return setting
    return bool(_SEES.search(model))


def received(here: Installation, assistant: Assistant, question: Question) -> Question:
    """The question with its images as the assistant's model can take them; within a worker of the event loop.

    Raises FileNotFound, UnusableImage and ToolCallFailed.
    """
    images = [part for part in question.parts if part.get("type") == "image_url"]
    if not images:
        return question
    front = instruction_of(assistant).front
    named, most = front.model or here.settings.model, here.settings.max_images
    if named == QUOTE:
        raise UnusableImage(
            "This assistant's model only quotes from files and sees no images; ask in words, or connect a "
            "language model (DOUMI_MODEL)."
        )
    if len(images) > most:
        raise UnusableImage(f"The question has {len(images)} images, the limit is {most}: ask about fewer.")
    pictures = [
        _picture(here, assistant.team_id, front, number, part) for number, part in enumerate(images, start=1)
    ]
    others = tuple(part for part in question.parts if part.get("type") != "image_url")
    if sees(named, front, here.settings.model_sees):
        return replace(question, parts=(*others, *(picture.part for picture in pictures)))
    read = [_read(here, picture) for picture in pictures]
    return replace(question, parts=others, attached=(*question.attached, *read))


def _picture(
    here: Installation, team_id: str, front: FrontMatter, number: int, part: Mapping[str, Any]
) -> _Picture:
    given = part.get("image_url")
    given = {"url": given} if isinstance(given, str) else given
    if not isinstance(given, Mapping):
        raise UnusableImage(f"Image {number} has no image_url; give a data URI, or the id of a file.")
    url, file_id = given.get("url"), given.get("file_id") or part.get("file_id")
    detail = {"detail": given["detail"]} if given.get("detail") else {}
    if file_id:
        content = _of_file(here, team_id, str(file_id), number)
        url = None
    elif isinstance(url, str) and url[:5].lower() == "data:":
        content = _of_data(url, number)
    elif isinstance(url, str) and url:
        content, url = _of_address(here, front, url, number), None
    else:
        raise UnusableImage(f"Image {number} is empty; give a data URI, or the id of a file.")
    media_type, extension = _checked(here, content, number)
    # A data URI goes on as it came, to the letter.
    url = url or f"data:{media_type};base64,{base64.b64encode(content).decode()}"
    return _Picture(
        number=number,
        content=content,
        media_type=media_type,
        extension=extension,
        part={"type": "image_url", "image_url": {"url": url, **detail}},
    )


def _of_file(here: Installation, team_id: str, file_id: str, number: int) -> bytes:
    file = here.store.files.get(team_id, file_id)
    _refuse_heavy(here, file.size, number)
    return content_of(here, file).read_bytes()


def _of_data(url: str, number: int) -> bytes:
    head = _DATA.match(url)
    if head is None:
        raise UnusableImage(f"Image {number} is no data URI; write data:image/png;base64,…")
    try:
        if head[2]:
            return base64.b64decode(url[head.end() :], validate=True)
        return unquote_to_bytes(url[head.end() :])
    except (binascii.Error, ValueError):
        raise UnusableImage(f"Image {number} is not in base64; encode the file again.") from None


def _of_address(here: Installation, front: FrontMatter, url: str, number: int) -> bytes:
    """What lies at an address, where the assistant may read its host; a picture can be a way to call out."""
    origin = origin_of(url)
    host = urlsplit(origin).hostname or ""
    if not any(covers(pattern, host) for pattern in front.fetch_hosts):
        raise UnusableImage(
            f"Image {number} lies at {host}, which this assistant may not read; send the image itself as a "
            "data URI, upload it and give its file id, or name the host under fetch_hosts."
        )
    most = here.settings.max_image_mb * MIB
    send = partial(here.egress.send, Outbound(method="GET", url=url), origins={origin}, limit=most)
    reply = from_thread.run(send)
    if reply.status != 200:
        raise UnusableImage(f"Image {number} is not at its address: {host} says HTTP {reply.status}.")
    _refuse_heavy(here, reply.size, number)
    return reply.content


def _refuse_heavy(here: Installation, size: int, number: int) -> None:
    most = here.settings.max_image_mb
    if size > most * MIB:
        raise UnusableImage(f"Image {number} has {size / MIB:,.1f} MB, the limit is {most}: make it smaller.")


def _checked(here: Installation, content: bytes, number: int) -> tuple[str, str]:
    """Media type and extension. Raises UnusableImage."""
    _refuse_heavy(here, len(content), number)
    for beginning, media_type, extension in _KINDS:
        if beginning.match(content):
            _refuse_large(here, content, number)
            return media_type, extension
    raise UnusableImage(f"Image {number} is no PNG, JPEG, GIF or WebP; save it as one of these.")


def _refuse_large(here: Installation, content: bytes, number: int) -> None:
    """From the size that the file states."""
    try:
        width, height = imagesize.get(io.BytesIO(content))
    except Exception:  # of whatever kind: the file is a stranger's
        width = height = -1
    if width <= 0 or height <= 0:
        raise UnusableImage(f"Image {number} is damaged; save it again.")
    most = here.settings.max_megapixels
    if width * height > most * _MILLION:
        raise UnusableImage(
            f"Image {number} has {width * height / _MILLION:,.0f} megapixels, the limit is {most}: "
            "make it smaller."
        )


def _read(here: Installation, picture: _Picture) -> Attached:
    """The text in it, with a note for the model that cannot see."""
    name = f"image {picture.number}.{picture.extension}"
    note = "You cannot see this image."
    with tempfile.NamedTemporaryFile(prefix="doumi-image-") as file:
        file.write(picture.content)
        file.flush()
        try:
            read = read_pages(Path(file.name), name=name, limits=read_limits(here.settings))
        except NoText:
            return Attached(name=name, text=f"[{note} There is no text in it. Tell the person so.]")
        except Unreadable as error:
            return Attached(name=name, text=f"[{note} The text in it could not be read: {error} Say so.]")
    text = "\n\n".join(page.text for page in read.pages)
    return Attached(
        name=name, text=f"[{note} This is the text in it, read by OCR; tell the person so.]\n{text}"
    )
