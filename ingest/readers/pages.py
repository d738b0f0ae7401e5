"""What is said about pages that gave no text, or gave it in a way that one should know of."""

from collections.abc import Iterator, Sequence

_SHOWN = 20  # page numbers or ranges in one sentence


def no_text(pages: Sequence[int], why: str = "") -> str:
    """ "pages 2, 4 have no text"; "" without pages."""
    verb = "has" if len(pages) == 1 else "have"
    return f"{named(pages)} {verb} no text{f': {why}' if why else ''}" if pages else ""


def read_by_ocr(pages: Sequence[int]) -> str:
    verb = "was" if len(pages) == 1 else "were"
    return f"{named(pages)} {verb} read by OCR and may hold mistakes" if pages else ""


def took_too_long(pages: Sequence[int], seconds: float) -> str:
    return (
        f"{named(pages)} could not be read by OCR within {seconds:,.0f} s a page, the limit" if pages else ""
    )


def slow_scan(seconds: float) -> str:
    """When all that there is took too long."""
    return f"Reading it by OCR takes longer than {seconds:,.0f} s a page, the limit: upload a smaller scan."


def named(pages: Sequence[int]) -> str:
    """ "page 7", or "pages 1-3, 7" for numbers in order."""
    runs = list(_runs(pages))
    words = [f"{first}-{last}" if last > first + 1 else _both(first, last) for first, last in runs]
    shown = ", ".join(words[:_SHOWN]) + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")
    return f"page {shown}" if len(pages) == 1 else f"pages {shown}"


def _both(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}, {last}"


def _runs(pages: Sequence[int]) -> Iterator[tuple[int, int]]:
    start = last = None
    for page in pages:
        if last is not None and page == last + 1:
            last = page
            continue
        if start is not None and last is not None:
            yield start, last
        start = last = page
    if start is not None and last is not None:
        yield start, last
