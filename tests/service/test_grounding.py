"""Citations: which words a label stands behind, where its quote is, and whether the two agree."""

import pytest

from service.grounding import Verdict, cite, judge
from service.labels import LabelReader
from tests.service.passages import passage

LEAVE = (
    "Full-time employees have 25 days of annual leave after five years. Part-time employees have 120 hours. "
    "Leave that was not taken expires on 31 March. Contractors do not receive annual leave."
)
PAY = "Salaries are paid on the 25th of each month. The company rate is set by Finance."


def cited(answer: str, *passages, question: str = ""):
    offered = dict(enumerate(passages, 1))
    reader = LabelReader(offered)
    text = reader.feed(answer) + reader.close()
    return cite(text, reader.places, offered, question=question)


def test_a_citation_says_where_its_words_stand():
    (found,) = cited(
        "You have 25 days of annual leave after five years. [1]", passage(LEAVE, start=500, page=5)
    )
    assert found.quote == "Full-time employees have 25 days of annual leave after five years."
    assert (found.quote_start, found.quote_end) == (500, 500 + len(found.quote))
    assert (found.page, found.locator, found.document_name) == (5, "page 5", "handbook.pdf")
    assert found.verdict is Verdict.SUPPORTED


@pytest.mark.parametrize(
    "answer",
    [
        "Salaries are paid on the 25th of each month [2]. Leave expires on 31 March [1].",
        "Salaries are paid on the 25th of each month. [2] Leave expires on 31 March. [1]",
        "Salaries are paid on the 25th of each month[2], and leave expires on 31 March[1].",
        "- Salaries are paid on the **25th** of each month [2]\n- Leave expires on 31 March [1]",
        "According to [2], salaries are paid on the 25th of each month. By [1] leave expires on 31 March.",
    ],
)
def test_each_label_stands_behind_the_words_next_to_it(answer):
    pay, leave = cited(answer, passage(LEAVE), passage(PAY))
    assert pay.quote == "Salaries are paid on the 25th of each month."
    assert leave.quote == "Leave that was not taken expires on 31 March."
    assert (pay.verdict, leave.verdict) == (Verdict.SUPPORTED, Verdict.SUPPORTED)


def test_two_labels_side_by_side_support_a_sentence_together():
    answer = "Salaries are paid on the 25th of each month and untaken leave expires on 31 March [1][2]."
    assert [each.verdict for each in cited(answer, passage(LEAVE), passage(PAY))] == [Verdict.SUPPORTED] * 2


def test_a_label_on_a_sentence_that_another_source_supports_is_marked():
    answer = "Salaries are paid on the 25th of each month [1]."
    assert (
        cited(answer, passage("The canteen serves lunch. Guests pay cash."))[0].verdict is Verdict.UNSUPPORTED
    )


def test_an_answer_of_two_words_is_located_with_the_help_of_the_question():
    text = "Notice is 4 weeks. Probation is 6 months. A sabbatical takes 6 months at most."
    (found,) = cited("6 months [1].", passage(text), question="How long is probation?")
    assert found.quote == "Probation is 6 months."


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("Part-time employees have 120 hours.", Verdict.SUPPORTED),
        ("Part-time employees have 130 hours.", Verdict.UNSUPPORTED),
        ("Part-time employees have a hundred and 20 hours.", Verdict.UNSUPPORTED),
        ("Full-time employees have twenty-five days of annual leave after 5 years.", Verdict.UNSUPPORTED),
        ("Contractors do not receive annual leave.", Verdict.SUPPORTED),
        ("Contractors receive annual leave.", Verdict.UNSUPPORTED),
        ("Leave that was not taken never expires.", Verdict.SUPPORTED),
        ("Dogs may sleep under the desk.", Verdict.UNSUPPORTED),
        ("정규직은 25일의 휴가가 있다.", Verdict.UNCHECKED),
        ("Whoever stays five years rests longer: staff enjoy generous holidays.", Verdict.UNSUPPORTED),
    ],
)
def test_a_claim_is_judged_by_its_numbers_its_denials_and_its_words(claim, verdict):
    assert judge(claim, passage(LEAVE)) is verdict
