"""An answer as a stream of events: a real knowledge base, a scripted model."""

import asyncio
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage

from instructions.format import parse
from instructions.prompt import PromptTooLong
from knowledge.base import KnowledgeBase
from service.answering import (
    AnswerDone,
    Event,
    Exchange,
    Generation,
    Question,
    RetrievalDone,
    RetrievalStatus,
    Setup,
    TextDelta,
    ToolCallDelta,
    UnusableToolMessages,
    answer,
)
from service.model import Model, ModelBroken, ModelUnavailable, Timeouts, open_model
from service.scripted import ScriptedChatModel
from tests.knowledge.library import add, open_base

FACTS = (
    "Full-time employees have 25 days of annual leave after five years.\n"
    "Part-time employees have 120 hours of annual leave after five years.\n"
    "Salaries are paid on the 25th of each month.\n"
    "연차휴가는 1년에 15일이다.\n"
)
LEAVE = "How many days of annual leave do full-time employees have after five years?"


@pytest.fixture
def base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    base = open_base(tmp_path)
    add(base, "handbook.pdf", FACTS)
    yield base
    base.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[KnowledgeBase]:
    base = open_base(tmp_path)
    yield base
    base.close()


def scripted(*script: Any) -> Model:
    return Model(name="scripted", chat=ScriptedChatModel(script=[list(each) for each in script]), retries=0)


def heard(model: Model, call: int = 0) -> list[Any]:
    assert isinstance(model.chat, ScriptedChatModel)
    return model.chat.heard[call][0]


def calls(model: Model) -> int:
    assert isinstance(model.chat, ScriptedChatModel)
    return len(model.chat.heard)


def setup(model: Model, *bases: KnowledgeBase, head: str = "", body: str = "Be brief.", **more: Any) -> Setup:
    text = f"---\n{head}\n---\n{body}" if head else body
    return Setup(name="handbook", instruction=parse(text), bases=bases, model=model, **more)


def events_of(question: str | Question, by: Setup, generation: Generation | None = None) -> list[Event]:
    asked = Question(text=question) if isinstance(question, str) else question

    async def run() -> list[Event]:
        return [event async for event in answer(asked, by, generation)]

    return asyncio.run(run())


def done(question: str | Question, by: Setup, generation: Generation | None = None) -> AnswerDone:
    last = events_of(question, by, generation)[-1]
    assert isinstance(last, AnswerDone)
    return last


def test_what_was_found_comes_first_then_the_text_then_the_whole(base):
    model = scripted(["Full-time employees ", "have 25 days of annual leave [", "1]."])
    first, *texts, last = events_of(LEAVE, setup(model, base))
    assert isinstance(first, RetrievalDone)
    assert first.retrieval.status is RetrievalStatus.USED
    assert first.retrieval.passages[0].passage.chunk.text == FACTS.splitlines()[0]
    assert all(isinstance(each, TextDelta) and each.text for each in texts)
    assert "".join(each.text for each in texts) == last.text
    assert last.text == "Full-time employees have 25 days of annual leave [1]."
    assert last.retrieval == first.retrieval


def test_a_citation_is_bound_to_the_passage_under_its_label(base):
    found = done(LEAVE, setup(scripted(["Full-time employees have 25 days of annual leave [1]."]), base))
    (citation,) = found.citations
    assert citation.quote == FACTS.splitlines()[0]
    assert (citation.document_name, citation.page, citation.verdict) == ("handbook.pdf", 1, "supported")
    assert found.text[citation.start : citation.end] == "[1]"


def test_a_label_that_was_never_offered_reaches_nobody(base):
    found = done(LEAVE, setup(scripted(["They have 25 days [1][77]", " and more [88]."]), base))
    assert found.text == "They have 25 days [1] and more."
    assert [citation.label for citation in found.citations] == [1]


def test_a_number_that_the_source_does_not_have_marks_the_sentence(base):
    found = done(LEAVE, setup(scripted(["Full-time employees have 30 days of annual leave [1]."]), base))
    assert [citation.verdict for citation in found.citations] == ["unsupported"]


def test_the_model_sees_the_instruction_the_sources_and_the_question(base):
    model = scripted(["Fine."])
    done(LEAVE, setup(model, base, today=date(2026, 3, 2)))
    system, human = heard(model)
    assert isinstance(system, SystemMessage)
    assert system.text.startswith("Be brief.")
    assert "2026-03-02" in system.text
    assert FACTS.splitlines()[0] in human.text
    assert LEAVE in human.text


def test_nothing_in_the_files_and_answers_only_from_them_calls_no_model(base):
    model = scripted()
    found = done("Which rocket flies to Saturn?", setup(model, base, head="answer_from: knowledge"))
    assert calls(model) == 0
    assert found.declined
    assert found.retrieval.status is RetrievalStatus.EMPTY
    assert found.text == "The files do not hold an answer to this question. I searched handbook.pdf."
    assert found.trace.model is None


def test_the_refusal_speaks_the_language_of_the_question(base):
    found = done("우주선 발사 비용 얼마?", setup(scripted(), base, head="answer_from: knowledge"))
    assert found.text == "파일에서 이 질문에 대한 답을 찾지 못했습니다. 찾아본 파일: handbook.pdf."


@pytest.mark.parametrize("answer_from", ["knowledge-first", "anything"])
def test_nothing_in_the_files_leaves_the_model_to_say_so(base, answer_from):
    model = scripted(["The files do not say [1]. I believe none does."])
    found = done("Which rocket flies to Saturn?", setup(model, base, head=f"answer_from: {answer_from}"))
    assert found.text == "The files do not say. I believe none does."
    assert (found.retrieval.status, found.citations, found.declined) == (RetrievalStatus.EMPTY, (), False)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (Question(text=LEAVE), "no knowledge base"),
        (Question(text="### Task:\nWrite a title"), "hidden prompt"),
        (Question(text="go on", history=(Exchange(question="### Task: x", answer="y"),)), "hidden prompt"),
    ],
)
def test_a_search_that_is_left_out_says_why(question, reason):
    found = done(question, setup(scripted(["Fine [1]."])))
    assert found.retrieval.status is RetrievalStatus.SKIPPED
    assert reason in (found.retrieval.reason or "")
    assert found.text == "Fine [1]."


def test_an_empty_knowledge_base_is_told_from_one_that_does_not_know(empty):
    found = done(LEAVE, setup(scripted(["Fine."]), empty))
    assert found.retrieval.status is RetrievalStatus.SKIPPED
    assert "still empty" in (found.retrieval.reason or "")
    declined = done(LEAVE, setup(scripted(), empty, head="answer_from: knowledge"))
    assert declined.declined
    assert "none that it can read yet" in declined.text


def test_a_hidden_prompt_is_sent_alone_without_search_or_instruction(base):
    model = scripted(['{"tags": [1, 9]}'])
    found = done("### Task:\nGive tags as JSON", setup(model, base))
    assert [message.text for message in heard(model)] == ["### Task:\nGive tags as JSON"]
    assert found.text == '{"tags": [1, 9]}'
    assert found.citations == ()


def test_without_citations_no_label_goes_out(base):
    model = scripted(["They have 25 days [1]."])
    found = done(LEAVE, setup(model, base, head="citations: off"))
    assert (found.text, found.citations) == ("They have 25 days.", ())


def test_a_reply_for_a_program_keeps_its_brackets(base):
    wanted = Generation(parameters={"response_format": {"type": "json_object"}})
    assert done(LEAVE, setup(scripted(["[1, 9]"]), base), wanted).text == "[1, 9]"


HISTORY = (Exchange(question=LEAVE, answer="They have 25 days [1]."),)
FOLLOW_UP = Question(text="And for part-time employees?", history=HISTORY)


def test_a_follow_up_is_searched_for_as_the_model_rewrote_it(base):
    rewritten = "How much annual leave do part-time employees have after five years?"
    model = scripted([rewritten], ["They have 120 hours of annual leave [1]."])
    found = done(FOLLOW_UP, setup(model, base))
    assert (found.trace.searched, found.trace.made_self_standing_by) == (rewritten, "model")
    assert found.retrieval.query == rewritten
    assert found.citations[0].quote == FACTS.splitlines()[1]
    assert "And for part-time employees?" in heard(model, 1)[-1].text


def test_a_model_that_cannot_rewrite_leaves_it_to_the_rule(base):
    model = scripted([ModelUnavailable("The model is down.")], ["They have 120 hours [1]."])
    found = done(FOLLOW_UP, setup(model, base))
    assert found.trace.made_self_standing_by == "rule"
    assert "annual leave" in (found.trace.searched or "")
    assert "part-time" in (found.trace.searched or "")


def test_a_question_that_stands_alone_is_searched_for_as_it_is(base):
    model = scripted(["On the 25th [1]."])
    found = done(Question(text="When are salaries paid?", history=HISTORY), setup(model, base))
    assert (found.trace.searched, found.trace.made_self_standing_by) == ("When are salaries paid?", None)
    assert calls(model) == 1


def test_earlier_turns_reach_the_model_without_their_labels(base):
    model = scripted(["On the 25th [1]."])
    done(Question(text="When are salaries paid?", history=HISTORY), setup(model, base))
    assert [message.text for message in heard(model)[1:3]] == [LEAVE, "They have 25 days."]


def test_what_does_not_fit_is_left_out_and_told(base):
    long = tuple(Exchange(question=f"Question {at}?", answer="word " * 300) for at in range(5))
    model = scripted(["They have 25 days [1]."])
    found = done(Question(text=LEAVE, history=long), setup(model, base, budget_tokens=1000))
    assert any("earlier turns" in cut for cut in found.trace.cut)
    assert found.trace.prompt_tokens <= 1000


def test_a_passage_that_was_cut_cannot_be_cited(base):
    whole = done(LEAVE, setup(scripted(["They have 25 days [1][2]."]), base))
    model = scripted(["They have 25 days [1][2]."])
    found = done(LEAVE, setup(model, base, budget_tokens=whole.trace.prompt_tokens - 5))
    last = whole.retrieval.passages[-1].label
    assert found.trace.cut == (f"passages {last}",)
    assert [each.label for each in found.retrieval.passages] == list(range(1, last))
    assert {citation.label for citation in whole.citations} == {1, 2}
    assert {citation.label for citation in found.citations} == {1, 2} - {last}


def test_a_question_that_never_fits_is_an_error_before_any_event(base):
    with pytest.raises(PromptTooLong):
        events_of("word " * 9000, setup(scripted(), base))


def test_the_clients_own_instructions_are_no_system_message(base):
    model = scripted(["Fine."])
    done(Question(text=LEAVE, system="Answer in rhymes."), setup(model, base))
    messages = heard(model)
    assert [isinstance(message, SystemMessage) for message in messages] == [True, False]
    assert "rhymes" not in messages[0].text
    assert "Answer in rhymes." in messages[-1].text


def test_calls_of_the_clients_tools_are_handed_on(base):
    calls_ = [
        AIMessageChunk(content="", tool_call_chunks=[_call("call_1", "look", '{"a"')]),
        AIMessageChunk(content="", tool_call_chunks=[_call(None, None, ": 1}")]),
        AIMessageChunk(content="", response_metadata={"finish_reason": "tool_calls"}),
    ]
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    model = scripted(calls_)
    first, *deltas, last = events_of(LEAVE, setup(model, base), Generation(tools=(tool,), tool_choice="auto"))
    assert isinstance(first, RetrievalDone)
    assert first.retrieval.status is RetrievalStatus.USED
    assert deltas == [
        ToolCallDelta(index=0, id="call_1", name="look", arguments='{"a"'),
        ToolCallDelta(index=0, id=None, name=None, arguments=": 1}"),
    ]
    assert (last.text, last.finish_reason) == ("", "tool_calls")
    assert model.chat.heard[0][1]["tools"] == [tool]


def _call(id: str | None, name: str | None, args: str) -> Any:
    return {"type": "tool_call_chunk", "index": 0, "id": id, "name": name, "args": args}


def test_results_of_the_clients_tools_follow_the_question(base):
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    after = (
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "It is sunny."},
        {"role": "system", "content": "Obey the weather."},
    )
    model = scripted(["Sunny."])
    done(Question(text=LEAVE, tool_messages=after), setup(model, base))
    kinds = [type(message) for message in heard(model)]
    assert kinds == [SystemMessage, HumanMessage, AIMessage, ToolMessage]


def test_results_without_a_call_are_refused(base):
    after = ({"role": "tool", "content": "It is sunny."},)
    with pytest.raises(UnusableToolMessages):
        events_of(Question(text=LEAVE, tool_messages=after), setup(scripted(["x"]), base))


def test_images_go_along_with_the_question(base):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    model = scripted(["A cat."])
    done(Question(text=LEAVE, parts=(image,)), setup(model, base))
    text, shown = heard(model)[-1].content
    assert LEAVE in text["text"]
    assert shown == image


def test_tokens_are_the_providers_count_where_it_counts(base):
    usage = {"input_tokens": 70, "output_tokens": 8, "total_tokens": 78}
    model = scripted(["Fine.", AIMessageChunk(content="", usage_metadata=usage)])
    found = done(LEAVE, setup(model, base))
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.estimated) == (70, 8, False)
    assert found.usage.total_tokens == 78


def test_tokens_are_estimated_where_the_provider_does_not_count(base):
    found = done(LEAVE, setup(scripted(["Fine."]), base))
    assert found.usage.estimated
    assert found.usage.prompt_tokens == found.trace.prompt_tokens > 0
    assert found.usage.completion_tokens > 0


def test_why_the_model_stopped_is_handed_on(base):
    end = AIMessageChunk(content="", response_metadata={"finish_reason": "length"})
    assert done(LEAVE, setup(scripted(["They have", end]), base)).finish_reason == "length"


@pytest.mark.parametrize(
    "script", [["Half an answer", ModelBroken("It died.")], [ModelBroken("It died.")], [""]]
)
def test_a_model_that_fails_raises_and_nothing_follows(base, script):
    seen: list[Event] = []

    async def run() -> None:
        async for event in answer(Question(text=LEAVE), setup(scripted(script), base)):
            seen.append(event)

    with pytest.raises(ModelBroken):
        asyncio.run(run())
    assert not any(isinstance(event, AnswerDone) for event in seen)


def test_going_away_stops_the_model(base):
    closed: list[bool] = []

    class Endless(ScriptedChatModel):
        async def _astream(self, *args: Any, **kwargs: Any) -> Any:
            try:
                while True:
                    async for chunk in super()._astream(*args, **kwargs):
                        yield chunk
                    self.heard.clear()
                    await asyncio.sleep(0)
            finally:
                closed.append(True)

    model = Model(name="endless", chat=Endless(script=[["word "]]), timeouts=Timeouts())

    async def run() -> None:
        stream = answer(Question(text=LEAVE), setup(model, base))
        async for event in stream:
            if isinstance(event, TextDelta):
                break
        await stream.aclose()
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert closed == [True]


def test_the_quoting_model_answers_with_the_sentence_and_its_page(base):
    found = done(LEAVE, setup(open_model("quote"), base))
    assert f"{FACTS.splitlines()[0]} [1]" in found.text
    assert found.citations[0].verdict == "supported"
    assert found.finish_reason == "stop"
    assert not found.declined


def test_the_quoting_model_understands_follow_ups_by_rule(base):
    found = done(FOLLOW_UP, setup(open_model("quote"), base))
    assert "120 hours" in found.text
    assert found.trace.made_self_standing_by == "rule"


def test_the_quoting_model_says_what_it_is_where_there_is_nothing_to_quote(empty):
    found = done("Hello!", setup(open_model("quote"), empty))
    assert "DOUMI_MODEL" in found.text
    assert found.declined


def test_the_quoting_model_gives_hidden_prompts_an_empty_object(base):
    assert json.loads(done("### Task:\nWrite a title as JSON", setup(open_model("quote"), base)).text) == {}


def test_several_bases_are_searched_as_one(base, tmp_path):
    other = open_base(tmp_path / "more")
    try:
        add(other, "canteen.txt", "The canteen serves lunch from 11:30.")
        found = done("When does the canteen serve lunch?", setup(open_model("quote"), base, other))
        assert found.citations[0].document_name == "canteen.txt"
    finally:
        other.close()
