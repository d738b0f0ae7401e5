"""HTML as a person sees it: headings, paragraphs, lists, tables; scripts and hidden parts stay out."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.readers.building import PageBuilder, Source
from ingest.readers.encoding import NotText, decode
from ingest.unreadable import DamagedFile
from knowledge.documents import Page

_DROPPED = frozenset(
    "script style template noscript svg iframe object head math canvas select button dialog audio video "  # noqa: SIM905
    "-comment _comment".split()
)
_INLINE = frozenset(
    "a abbr b bdi bdo cite code data del dfn em font i ins kbd label mark q ruby s samp small span strong "  # noqa: SIM905
    "sub sup time tt u var wbr img -text".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([A-Za-z0-9_\-]{2,20})""", re.I)
_DEEPEST = 200  # levels that are told apart; what lies deeper is text
_TOO_DEEP = 100_000


def read(source: Source) -> Iterator[Page]:
    source.total(1)
    builder = PageBuilder()
    add_html(decoded(source.path.read_bytes()), builder)
    yield builder.page(1, "")


def decoded(data: bytes) -> str:
    """The characters of a page, in the encoding that it declares or that its bytes show."""
    declared = _CHARSET.search(data[:4096])
    if declared and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        name = declared[1].decode("ascii").lower()
        try:
            return data.decode("cp949" if name in ("euc-kr", "ks_c_5601-1987") else name)
        except (LookupError, UnicodeDecodeError):
            pass  # the page lies about itself: look at its bytes instead
    try:
        return decode(data)
    except NotText:
        raise DamagedFile(
            "The file is not text in any known encoding: save the page again as HTML in UTF-8."
        ) from None


def add_html(text: str, builder: PageBuilder, *, title_counts: bool = True) -> None:
    """Puts what `text` shows into `builder`; a title without a first heading becomes one if it counts."""
    tree = LexborHTMLParser(text)
    title = tree.css_first("title")
    if title_counts and title is not None and tree.css_first("h1") is None:
        builder.heading(title.text(), 1)
    if tree.body is not None:
        _Walk(builder).blocks(tree.body, 0)


def _visible(node: LexborNode) -> bool:
    attributes = node.attributes if node.tag not in ("-text",) else {}
    return (
        node.tag not in _DROPPED
        and "hidden" not in attributes
        and not _HIDDEN.search(attributes.get("style") or "")
    )


class _Walk:
    def __init__(self, builder: PageBuilder) -> None:
        self._builder = builder

    def blocks(self, node: LexborNode, depth: int) -> None:
        """The block elements below `node`; inline ones in a row make a paragraph."""
        words: list[str] = []
        for child in node.iter(include_text=True):
            if not _visible(child):
                continue
            if child.tag in _INLINE or child.tag == "br":
                words.append("\n" if child.tag == "br" else _shown(child))
            else:
                self._paragraph(words)
                words = []
                self._block(child, depth)
        self._paragraph(words)

    def _paragraph(self, words: list[str]) -> None:
        lines = "".join(words).split("\n")
        self._builder.paragraph("\n".join(line.strip() for line in lines if line.strip()))

    def _block(self, node: LexborNode, depth: int) -> None:
        tag = node.tag or ""
        if tag in _HEADINGS:
            self._builder.heading(_shown(node), _HEADINGS[tag])
        elif tag in ("ul", "ol", "menu"):
            self._list(node, 0)
        elif tag == "table":
            self._table(node)
        elif tag == "pre":
            self._builder.code(node.text())
        elif depth < _DEEPEST:
            self.blocks(node, depth + 1)
        else:
            self._builder.paragraph(_shown(node))

    def _list(self, node: LexborNode, depth: int) -> None:
        number = 0
        for item in node.iter():
            if item.tag != "li" or not _visible(item):
                continue
            number += 1
            nested = [child for child in item.iter() if child.tag in ("ul", "ol", "menu") and _visible(child)]
            mark = f"{number}." if node.tag == "ol" else "-"
            self._builder.item(_shown(item, without=("ul", "ol", "menu")), depth=depth, mark=mark)
            for inner in nested if depth < _DEEPEST else ():
                self._list(inner, depth + 1)

    def _table(self, table: LexborNode) -> None:
        caption = table.css_first("caption")
        if caption is not None:
            self._builder.paragraph(_shown(caption))
        self._builder.table(
            [_shown(cell) for cell in row.iter() if cell.tag in ("td", "th")]
            for row in table.css("tr")
            if _visible(row) and _own(row, table)
        )


def _own(row: LexborNode, table: LexborNode) -> bool:
    """Whether `row` is the table's and not that of a table inside one of its cells."""
    above = row.parent
    while above is not None and above.tag != "table":
        above = above.parent
    return above is not None and above.mem_id == table.mem_id


def _shown(node: LexborNode, without: tuple[str, ...] = ()) -> str:
    """The words of `node` in one line, white space as a browser would fold it."""
    words: list[str] = []
    waiting: list[LexborNode | str] = [node]
    while waiting and len(words) < _TOO_DEEP:  # no recursion: nesting is whatever the page says
        item = waiting.pop()
        if isinstance(item, str):
            words.append(item)
        elif item.tag == "-text":
            words.append(item.text_content or "")
        elif _visible(item):
            space = " " if item.tag not in _INLINE else ""
            inner = [child for child in item.iter(include_text=True) if child.tag not in without]
            waiting += [space, *reversed(inner), space]
    return re.sub(r"\s+", " ", "".join(words))
