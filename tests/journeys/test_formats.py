"""Files of many kinds, uploaded, asked about and cited at their right place, through a real server."""

from pathlib import Path

import httpx
import pytest

from tests.ingest import files
from tests.ingest.pictures import needs_korean, needs_ocr, picture, saved, scanned
from tests.journeys.server import ServerProcess, ask, upload

REAL_HWP = Path(__file__).parents[3] / "shared" / "data" / "hwp" / "sample-5017.hwp"
RULES = [
    "제1장 총칙",
    "제1조(목적) 이 규정은 청람연구소의 주차에 관한 사항을 정한다.",
    "제2조(요금) 방문객의 주차 요금은 한 시간에 1,700원이다.",
]
LETTER = ["Notice of the Quillbrook pool", "The swimming pool opens at 06:45 on Saturdays."]
SCAN = ["The Quillbrook library lends books", "for nineteen days at a time."]
CASES = {
    "HWP": (
        "주차규정.hwp",
        files.hwp(RULES),
        "방문객의 주차 요금은 얼마인가?",
        "1,700원",
        "line",
    ),
    "HWPX": (
        "주차규정.hwpx",
        files.hwpx(RULES),
        "방문객의 주차 요금은 얼마인가?",
        "1,700원",
        "line",
    ),
    "EPUB": (
        "guide.epub",
        files.book(
            {
                "one.xhtml": "<h1>Arrival</h1><p>The Quillbrook guest house opens at noon.</p>",
                "two.xhtml": "<h1>Breakfast</h1><p>Quillbrook breakfast is served until 10:20 on Sundays.</p>",
            }
        ),
        "Until when is Quillbrook breakfast served on Sundays?",
        "10:20",
        "Breakfast",
    ),
    "ZIP": (
        "folder.zip",
        files.archive(
            {
                "leases/north.pdf": files.pdf([["Lease of the Quillbrook mill."], ["The rent of the mill is 4,310 EUR a month."]]),
                "notes.txt": "The gate key of the mill hangs in the office.",
                "film.mp4": "x",
            }
        ),
        "What is the rent of the Quillbrook mill a month?",
        "4,310 EUR",
        "leases/north.pdf, page 2",
    ),
    "a mail's attachment": (
        "letter.eml",
        files.mail_with("plan.docx", files.word()),
        "How much may a hotel in Seoul cost?",
        "150 EUR",
        "plan.docx, lines",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def client(server: ServerProcess):  # type: ignore[no-untyped-def]
    with server.client() as client:
        yield client


def assistant_with(client: httpx.Client, slug: str, name: str, content: bytes) -> dict[str, object]:
    """An assistant with that one file, and the document once it is read."""
    body = {"slug": slug, "name": "Formats", "instruction": "<persona>You are brief.</persona>"}
    assert client.post("/api/assistants", json=body).status_code == 201
    document = upload(client, slug, name, content)
    assert document["status"] == "ready", document["error"]
    return document


@pytest.mark.parametrize("kind", CASES)
def test_a_file_of_this_kind_is_cited_at_its_place(client, kind):
    name, content, question, answer, place = CASES[kind]
    slug = f"formats-{list(CASES).index(kind)}"
    document = assistant_with(client, slug, name, content)
    reply = ask(client, slug, question)
    cited = [citation for citation in reply["citations"] if answer in citation["quote"]]
    assert cited, reply["choices"][0]["message"]["content"]
    assert cited[0]["document"]["name"] == name
    assert cited[0]["locator"].startswith(place)
    page = client.get(f"/api/assistants/{slug}/documents/{document['id']}/pages/{cited[0]['page']}").json()
    assert answer in page["text"]
    assert document["warnings"] == (["no reader for film.mp4"] if kind == "ZIP" else [])


@pytest.mark.skipif(not REAL_HWP.exists(), reason="the HWP files for measuring are not here")
def test_a_document_that_hangul_wrote_is_cited(client):
    assistant_with(client, "formats-real", "예제.hwp", REAL_HWP.read_bytes())
    reply = ask(client, "formats-real", "본 문서는 무엇에 관하여 설명하는가?")
    assert "파일 형식 5.0" in reply["citations"][0]["quote"]
    assert reply["citations"][0]["document"]["name"] == "예제.hwp"


@needs_ocr
def test_a_scan_and_a_picture_are_cited_with_their_warning(client):
    content = scanned(["The first page has text.", picture([(80, SCAN)])])
    document = assistant_with(client, "formats-scan", "scan.pdf", content)
    assert document["warnings"] == ["page 2 was read by OCR and may hold mistakes"]
    reply = ask(client, "formats-scan", "For how many days does the Quillbrook library lend books?")
    assert "nineteen days" in reply["citations"][0]["quote"]
    assert reply["citations"][0]["locator"] == "page 2"

    document = assistant_with(client, "formats-png", "notice.png", saved(picture([(80, LETTER)]), "PNG"))
    assert document["warnings"] == ["page 1 was read by OCR and may hold mistakes"]
    reply = ask(client, "formats-png", "When does the swimming pool open on Saturdays?")
    assert "06:45" in reply["citations"][0]["quote"]


@needs_ocr
@needs_korean
def test_a_korean_scan_is_cited(client):
    assistant_with(client, "formats-ko", "규정.pdf", scanned([picture([(80, RULES)])]))
    reply = ask(client, "formats-ko", "방문객의 주차 요금은 얼마인가?")
    assert "1,700원" in reply["citations"][0]["quote"]
