"""Why a file cannot be read, in one sentence that says what to do."""


class Unreadable(Exception):
    """A file that gives no text; the message is for the person who uploaded it."""


class NotAFile(Unreadable):
    """A folder, a link, a device, or nothing at all."""


class EmptyFile(Unreadable):
    """No bytes, or nothing but white space."""


class NoText(Unreadable):
    """A sound file without text, such as a scan."""


class NeedsOcr(Unreadable):
    """A picture of text, where nothing is installed that reads it."""


class UnknownFormat(Unreadable):
    """A kind of file that no reader reads."""


class WrongExtension(Unreadable):
    """The content is another kind of file than the name says."""


class EncryptedFile(Unreadable):
    """The content opens with a password only."""


class DamagedFile(Unreadable):
    """Truncated, or never what it claims to be."""


class Forbidden(Unreadable):
    """Something that only attacks need, such as an entity definition inside an office file."""


class TooLarge(Unreadable):
    """A limit on size, pages, characters, memory or unpacked content; the message names it."""


class TooSlow(Unreadable):
    """A limit on time; the message names it."""


def _all_kinds(base: type[Unreadable]) -> dict[str, type[Unreadable]]:
    return {kind.__name__: kind for kind in (base, *base.__subclasses__())}


KINDS = _all_kinds(Unreadable)  # by name: how a kind crosses the wall of the cage
