"""Text from outside (sources, results, a question) inside a message, so that it cannot leave its place.

A region is `<name …>` … `</name>`. The model is told that what stands in a region is data. For that to hold,
no text in a region may open or close one: whatever a reader could take for such a tag loses its `<`.
"""

import re
from functools import lru_cache
from unicodedata import category, normalize

# What must not follow a "<" (or "</") in data, as `plain_character` writes it: the names of regions and of
# roles, and how chat templates spell a change of speaker (<|im_start|>, <<SYS>>, </s>, <start_of_turn>).
_REFUSED = (
    *("source", "question", "asker", "result", "attachment", "conversation", "system", "service_rules"),
    *("|", "s>", "<sys", "start_of_turn", "end_of_turn"),
)
_BEGINNINGS = {name[:length] for name in _REFUSED for length in range(1, len(name) + 1)}
_LESS_THAN = re.compile("[<＜﹤‹〈《⟨❮❰˂ᐸ≺]")
_SLASHES = "/⁄∕⧸\\"
# Cyrillic, Greek and Armenian letters, small ones: capitals are folded before.
_LOOKALIKES = str.maketrans(
    "ѕоοсеіιаαυսτтոгрρхχуγкκмнвβԁɡԛԝјνϲһӏʟցօ", "sooceiiaauuttnrppxxyykkmhbbdgqwjvchllgo"
)
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def region(name: str, text: str, /, **attributes: str | int) -> str:
    """`text` as data in a region called `name`."""
    written = "".join(f' {key}="{_attribute(str(value))}"' for key, value in attributes.items())
    return f"<{name}{written}>\n{harmless(text)}\n</{name}>"


def harmless(text: str) -> str:
    """`text` in which no tag of a region is left: its "<" becomes "&lt;". Other text stays as it is."""
    text = _NOT_TEXT.sub("\ufffd", text)
    return _LESS_THAN.sub(
        lambda found: "&lt;" if _opens_region(text, found.end()) else found[0],
        text,
    )


def _attribute(value: str) -> str:
    value = " ".join(_NOT_TEXT.sub(" ", value).split())
    value = value.replace("&", "&amp;").replace('"', "&quot;")
    return _LESS_THAN.sub("&lt;", value).replace(">", "&gt;")


def _opens_region(text: str, start: int) -> bool:
    """Whether a reader sees one of `_REFUSED` at `start`, whatever white space or disguise is between."""
    said = ""
    for position in range(start, len(text)):
        for char in plain_character(text[position]):
            if not said and char in _SLASHES:
                continue
            said += char
            if said in _REFUSED:
                return True
            if said not in _BEGINNINGS:
                return False
    return False


@lru_cache(maxsize=10_000)
def plain_character(char: str) -> str:
    """The character without case, width, style and script; "" for what nobody sees."""
    if char.isspace() or category(char) in {"Cf", "Mn", "Me", "Cc"}:
        return ""
    plain = normalize("NFKD", char).casefold().translate(_LOOKALIKES)
    return "".join(each for each in plain if category(each) != "Mn" and not each.isspace())
