import numpy as np
import pytest

from knowledge import familiarity
from knowledge.database import Database
from knowledge.embeddings import EmbedderUnavailable, HashingEmbedder
from knowledge.familiarity import KINDS, Observation, kinds, known, observe, record, spread
from knowledge.search import search
from tests.knowledge.library import add, open_base

TEXTS = [
    f"The {word} is kept in room {n} of the building. Whoever needs the {word} asks the {word} keeper. It comes back by night."
    for n, word in enumerate(("ladder", "projector", "hammer", "van", "tent", "radio", "scanner", "drill", "boat", "lamp"))
]  # fmt: skip


class Lost(HashingEmbedder):
    """Gives every text a vector that has nothing to do with it."""

    def encode_documents(self, texts):
        rows = np.random.default_rng(len(texts)).standard_normal((len(texts), self.dimensions))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Spelling(HashingEmbedder):
    """Needs a token for every character that is not ASCII."""

    def count_tokens(self, texts):
        return [sum(1 if ord(c) > 127 else 0.2 for c in text) for text in texts]


@pytest.fixture
def connection(tmp_path):
    database = Database(tmp_path / "base.sqlite")
    with database.writing() as connection:
        yield connection
    database.close()


def observed(embedder, texts=TEXTS, samples=None):
    vectors = embedder.encode_documents(texts)
    none = np.empty((0, embedder.dimensions), np.float32)
    seen = np.zeros(KINDS) if samples is None else samples
    return observe(embedder, texts, np.zeros(len(texts), np.int64), vectors, none, seen)


def test_text_is_told_apart_by_how_much_the_embedder_spells_out():
    assert kinds(Spelling(), ["leave of absence", "연차휴가규정", "leave 휴가"]).tolist() == [0, 3, 1]


@pytest.mark.parametrize(("embedder", "trusted"), [(HashingEmbedder(), True), (Lost(), False)])
def test_an_embedder_is_trusted_that_knows_a_sentence_from_the_text_it_stands_in(
    embedder, trusted, connection
):
    for _ in range(4):
        record(connection, observed(embedder))

    assert (known(connection).trust[0] > 0.5) == trusted


class KnowsTwoLanguages(HashingEmbedder):
    """Spells Hangul out as a small model does, but gives it vectors that mean something."""

    def count_tokens(self, texts):
        return [len(text) for text in texts]


class KnowsOne(KnowsTwoLanguages, Lost):
    """Spells Hangul out, and its vectors say nothing."""


def korean(number):
    """A text of twelve lines, each about a thing of its own."""
    things = [
        first + second for first in "가나다라마바사아자차카타"[number:] + "파하" for second in "봉술쟁널궤틀"
    ]
    return "\n".join(
        f"{thing}부 열쇠는 {thing}실에 {thing}함째 두고 {thing}표로 센다. {thing}장이 {thing}지를 {thing}틀에 걸어 {thing}줄로 묶는다. "
        f"{thing}통은 {thing}문 옆에 둔다."
        for thing in things[number : number + 12]
    )


@pytest.mark.parametrize(("embedder", "counts"), [(KnowsTwoLanguages(), True), (KnowsOne(), False)])
def test_what_the_dense_leg_counts_is_measured_on_the_text_of_the_base(embedder, counts, tmp_path):
    base = open_base(tmp_path, embedder)
    for number in range(8):
        add(base, f"{number}.txt", korean(number))

    found = search([base], "나술지를 나술틀에 걸어 나술줄로 묶는 것은 누구인가요?", floor=0.0)

    assert "나술" in found.passages[0].chunk.text
    assert (found.weights["dense"] > 0) == counts
    base.close()


def test_before_anything_is_measured_what_is_spelled_out_is_not_trusted(connection):
    trust = known(connection).trust

    assert trust[0] == 1
    assert trust[-1] == 0


def test_what_is_measured_outweighs_what_was_believed(connection):
    record(connection, [Observation(kind=3, separation=5.0, own=0.9, other=0.8)] * 40)
    found = known(connection)

    assert found.trust[3] == 1
    assert found.own[3] == pytest.approx(0.9, abs=0.05)
    assert found.other[3] == pytest.approx(0.8, abs=0.05)


def test_enough_is_enough():
    assert len(observed(HashingEmbedder(), samples=np.full(KINDS, 1000.0))) <= 1
    assert observed(HashingEmbedder(), TEXTS[:3], samples=np.full(KINDS, 1000.0)) == []


def test_nothing_is_observed_in_a_base_of_a_few_chunks():
    assert observed(HashingEmbedder(), TEXTS[:4]) == []


def test_an_embedder_that_does_not_answer_stops_nothing():
    class Down(HashingEmbedder):
        def encode_query(self, text):
            raise EmbedderUnavailable("down")

    assert observed(Down()) == []


def test_the_spread_of_few_cosines_is_not_believed():
    assert spread(np.array([], np.float32)) == (0.0, pytest.approx(0.1))
    assert spread(np.array([0.3, 0.3], np.float32))[1] > 0.05
    assert spread(np.full(1000, 0.3, np.float32))[1] < 0.02


def test_a_new_embedder_is_measured_anew(connection):
    record(connection, [Observation(kind=0, separation=0.0, own=0.1, other=0.1)] * 40)
    familiarity.forget(connection)

    assert known(connection).trust[0] == 1
