import json
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from knowledge.documents import Reranking
from knowledge.errors import UnusableSettings
from knowledge.recipe import BaseSettings
from knowledge.reranking import CrossEncoderReranker, RerankerNotFound, Rerankers
from knowledge.search import search
from tests.knowledge.library import add, open_base

TEXT = "\n".join(f"The harbour of town {n} has {n} berths for boats." for n in range(30))

MAKE = """
import sys
from pathlib import Path
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer
import torch
torch.manual_seed(1)
folder = Path(sys.argv[1])
folder.mkdir()
words = "[PAD] [UNK] [CLS] [SEP] [MASK] the harbour of town has berths for boats".split() + [str(n) for n in range(30)]
(folder / "vocab.txt").write_text("\\n".join(words))
size = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
config = BertConfig(vocab_size=len(words), num_labels=1, initializer_range=1.0, **size)
BertForSequenceClassification(config).save_pretrained(folder)
BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The folder of a real CrossEncoder, of a few kilobytes and no sense."""
    folder = tmp_path_factory.mktemp("tiny") / "reranker"
    done = subprocess.run(
        [sys.executable, "-c", MAKE, str(folder)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def base(tmp_path):
    base = open_base(tmp_path)
    add(base, "harbours.txt", TEXT)
    yield base
    base.close()


def test_a_real_cross_encoder_orders_the_passages_and_its_scores_are_shown(base, tiny):
    plain = base.search("harbour berths", k=5, floor=0.0)
    assert plain.reranking is None
    assert all(passage.scores.rerank is None for passage in plain.passages)
    base.configure(BaseSettings(reranker=str(tiny)))
    result = base.search("harbour berths", k=5, floor=0.0)

    assert result.reranking is Reranking.USED
    scores = [passage.scores.rerank for passage in result.passages]
    assert scores == sorted(scores, reverse=True)
    assert scores == [passage.score for passage in result.passages]
    assert len(scores) == 5
    assert len(set(scores)) > 1
    assert all(passage.scores.fused > 0 for passage in result.passages)
    assert [each.chunk.text for each in result.passages] != [each.chunk.text for each in plain.passages]


def test_the_score_of_a_pair_is_that_of_sentence_transformers(tiny):
    from sentence_transformers import CrossEncoder

    texts = ["the harbour of town 3", "boats for 4 berths", "town"]
    ours = CrossEncoderReranker(str(tiny)).scores("harbour berths", texts)
    theirs = CrossEncoder(str(tiny), device="cpu").predict([("harbour berths", text) for text in texts])
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.parametrize("change", [{"architectures": ["BertModel"]}, {"id2label": {"0": "a", "1": "b"}}])
def test_what_is_no_reranker_is_refused_and_nothing_changes(base, tiny, tmp_path, change):
    folder = tmp_path / "other"
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    before = base.settings
    for name in (str(folder), "/nowhere/at/all"):
        with pytest.raises(UnusableSettings, match=name):
            base.configure(BaseSettings(reranker=name))
    assert base.settings == before


def test_after_a_restart_the_first_search_does_not_wait_for_the_model(base, tiny, tmp_path):
    base.configure(BaseSettings(reranker=str(tiny)))
    base.close()
    may_open = threading.Event()

    def open_one(name):
        assert may_open.wait(30)
        return CrossEncoderReranker(name)

    rerankers = Rerankers(open_one)
    again = open_base(tmp_path, rerankers=rerankers)
    assert again.search("harbour berths", floor=0.0).reranking is Reranking.OPENING
    assert len(again.search("harbour berths", floor=0.0).passages) == 8
    may_open.set()
    rerankers.get(str(tiny))
    assert again.search("harbour berths", floor=0.0).reranking is Reranking.USED
    again.close()


def test_a_reranker_that_is_gone_leaves_the_order_of_the_search(base, tiny, tmp_path):
    base.configure(BaseSettings(reranker=str(tiny)))
    base.close()

    def gone(name):
        raise RerankerNotFound(name)

    rerankers = Rerankers(gone)
    again = open_base(tmp_path, rerankers=rerankers)
    again.search("harbour berths", floor=0.0)
    while rerankers.ready(str(tiny))[0] is Reranking.OPENING:
        pass
    result = again.search("harbour berths", floor=0.0)
    assert (result.reranking, len(result.passages)) == (Reranking.FAILED, 8)
    again.close()


def test_the_floor_of_a_base_holds_unless_the_search_names_one(base, tmp_path):
    assert base.search("what is the boiling point of tungsten", k=3).passages == ()
    base.configure(BaseSettings(floor=0.0))
    assert len(base.search("the boiling point of tungsten", k=3).passages) == 3
    assert base.search("the boiling point of tungsten", k=3, floor=1.0).passages == ()
    other = open_base(tmp_path / "other")
    assert len(search([other, base], "the boiling point of tungsten", k=3).passages) == 3
    other.close()
