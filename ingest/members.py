"""Files inside a file: a page of one is labelled "leases/north.pdf › page 3"."""

_MARK = "›"
_LONGEST = 200  # characters of a member's name; the end of a path says more than its beginning


def label_of(member: str, inside: str) -> str:
    """The label of the page that `inside` labels in its own file."""
    name = " ".join(member.replace(_MARK, ">").split())
    name = name if len(name) <= _LONGEST else f"…{name[-_LONGEST:]}"
    return f"{name} {_MARK} {inside}".strip()


def member_of(label: str) -> tuple[str, str]:
    """Member and label inside it; "" and the label for a page of the file itself."""
    member, mark, inside = label.partition(_MARK)
    return (member.strip(), inside.strip()) if mark else ("", label)
