"""What an answer would make a reader's program load by itself."""

import pytest

from service.markup import MarkupReader


def read(text: str, size: int = 10_000) -> str:
    reader = MarkupReader()
    pieces = [reader.feed(text[at : at + size]) for at in range(0, len(text), size)]
    return "".join([*pieces, reader.close()])


CASES = [
    ("Plain text, wow! And [a link](https://a.example).", None),
    ("![chart](/files/file_1/content) is ours", None),
    ("![x](https://evil.example/?q=1)", "[x](https://evil.example/?q=1)"),
    ("![x](//evil.example/?q=1)", "[x](//evil.example/?q=1)"),
    ("![x](/\\evil.example)", "[x](/\\evil.example)"),
    ("![x][ref]\n\n[ref]: https://evil.example", "[x][ref]\n\n[ref]: https://evil.example"),
    ("![a[b]](https://evil.example)", "[a[b]](https://evil.example)"),
    ("[![x](https://evil.example)](https://b.example)", "[[x](https://evil.example)](https://b.example)"),
    ("![data](data:image/png;base64,AAAA)", "[data](data:image/png;base64,AAAA)"),
    ("see <img src=https://evil.example> now", "see &lt;img src=https://evil.example> now"),
    ("<div>\n```\n\n![x](https://evil.example)", "&lt;div>\n```\n\n![x](https://evil.example)"),
    ('a <b style="background:url(//evil)">', 'a &lt;b style="background:url(//evil)">'),
    ("a<b and c>d, x < y, 1 <2", None),
    ("`![x](https://evil.example)`", "`[x](https://evil.example)`"),
    (
        "```md\n![x](https://a.example)\n<img src=x>\n```\n![y](https://evil.example)",
        "```md\n![x](https://a.example)\n<img src=x>\n```\n[y](https://evil.example)",
    ),
    ("> ```\n\n![x](https://evil.example)", "> ```\n\n[x](https://evil.example)"),
    ("- a\n  ```\n![x](https://evil.example)", "- a\n  ```\n[x](https://evil.example)"),
    ("``` a`b\n![x](https://evil.example)", "``` a`b\n[x](https://evil.example)"),
    ("~~~ a`b\n![x](https://a.example)\n~~~", None),
    ("````\n```\n![x](https://a.example)", None),
    ("안녕하세요! 좋아요!", None),
]


@pytest.mark.parametrize(("text", "shown"), CASES)
@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_nothing_but_our_own_pictures_is_loaded_however_the_text_is_cut(text, shown, size):
    assert read(text, size) == (text if shown is None else shown)


def test_text_is_held_back_only_while_it_is_undecided():
    reader = MarkupReader()
    assert reader.feed("Hello wor") == "Hello wor"
    assert reader.feed("ld! ") == "ld! "
    assert reader.feed("![" + "a" * 1000) == "[" + "a" * 1000
