"""Labels as models write them, in pieces of every size."""

import pytest

from service.labels import LabelReader

CASES = [
    # as it comes, as it goes out, labels
    ("Fifteen days [1].", "Fifteen days [1].", [1]),
    ("Fifteen days[1].", "Fifteen days[1].", [1]),
    ("Both [1, 2].", "Both [1][2].", [1, 2]),
    ("Both [1][2].", "Both [1][2].", [1, 2]),
    ("Both [1; 2] and [1 and 2].", "Both [1][2] and [1][2].", [1, 2, 1, 2]),
    ("All [1-3].", "All [1][2][3].", [1, 2, 3]),
    ("Twice [1, 1].", "Twice [1].", [1]),
    ("이십오일입니다 【1】.", "이십오일입니다 [1].", [1]),
    ("Days 【2†handbook.pdf】.", "Days [2].", [2]),
    ("Days [source 1] and [Source: 2].", "Days [1] and [2].", [1, 2]),
    ("휴가 [출처 1] [자료: 2]", "휴가 [1] [2]", [1, 2]),
    # never offered
    ("Days [9].", "Days.", []),
    ("Days [1, 9].", "Days [1].", [1]),
    ("[9] Days.", "Days.", []),
    ("Days [9][8] and more", "Days and more", []),
    # no labels at all
    ("A scale [1-10] or [0].", "A scale [1-10] or [0].", []),
    ("In [2024] and [see below].", "In [2024] and [see below].", []),
    ("`arr[1]` is first [1]", "`arr[1]` is first [1]", [1]),
    ("``a`[9]`` b [1]", "``a`[9]`` b [1]", [1]),
    ("```\nrow[1] = x[9]\n```\nDone [2]", "```\nrow[1] = x[9]\n```\nDone [2]", [2]),
    ("~~~\nrow[9]\n~~~\nDone [2]", "~~~\nrow[9]\n~~~\nDone [2]", [2]),
    ("~~old~~ new [1]", "~~old~~ new [1]", [1]),
    ("[1](https://example.org) [1]", "[1](https://example.org) [1]", [1]),
    ("A note[^1] and [text](url)", "A note[^1] and [text](url)", []),
    ("- [ ] open\n- [x] done", "- [ ] open\n- [x] done", []),
    ("[1]: https://example.org", "[1]: https://example.org", []),
    ("One ` tick [1]\nthen [2]", "One ` tick [1]\nthen [2]", [2]),
    # the end comes too early
    ("Days [1", "Days [1", []),
    ("Days [", "Days [", []),
    ("Days `", "Days `", []),
    (" two  spaces ", " two  spaces ", []),
    ("", "", []),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(("comes", "goes", "labels"), CASES)
def test_labels_are_read_the_same_in_pieces_of_any_size(comes, goes, labels, size):
    reader = LabelReader({1, 2, 3})
    out = [reader.feed(comes[at : at + size]) for at in range(0, len(comes), size)]
    text = "".join([*out, reader.close()])
    assert text == goes
    assert [place.label for place in reader.places] == labels
    assert [text[place.start : place.end] for place in reader.places] == [f"[{label}]" for label in labels]


def test_only_what_may_become_a_label_is_held_back():
    reader = LabelReader({1})
    assert reader.feed("Fifteen days [") == "Fifteen days"
    assert reader.feed("1") == ""
    assert reader.feed("].") == " [1]."
    assert reader.feed(" A long bracket [that is none of them") == " A long bracket [that is none of them"


def test_where_nothing_was_offered_every_label_is_dropped():
    reader = LabelReader(())
    assert reader.feed("Days [1], weeks [2, 3]. ") + reader.close() == "Days, weeks. "
    assert reader.places == []


def test_an_endless_bracket_is_let_go():
    reader = LabelReader({1})
    text = "[" + "1, " * 60
    assert reader.feed(text) + reader.close() == text
