import base64
import json
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import openvino as ov
import pytest
from pydantic import SecretStr

from knowledge.conversion import locate, prepare
from knowledge.embeddings import EmbedderNotFound, EmbedderUnavailable, FastEmbedder, open_embedder
from knowledge.openvino_model import OpenVINOModel, fastest

ROOT = Path(__file__).parents[2]
TEXTS = [
    "The tenant shall give notice in writing at least thirty days before the lease ends.",
    "Dogs bark.",
    "연차 유급휴가는 1년간 80퍼센트 이상 출근한 근로자에게 15일을 부여하여야 한다.",
    "",
    "Revenue rose by 12% to $3,141.59 million; see note 7. " * 60,
    "a",
]


@pytest.fixture(scope="module")
def minilm(models):
    embedder = open_embedder("all-MiniLM-L6-v2", cache=models)
    yield embedder
    embedder.close()


@pytest.fixture(scope="module")
def original():
    """What sentence-transformers itself says."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(locate("all-MiniLM-L6-v2"), device="cpu")
    return model.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The folder of a real sentence-transformers model, of a few kilobytes and no sense."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    _run(
        """
        import sys
        from pathlib import Path
        from transformers import BertConfig, BertModel, BertTokenizer
        from sentence_transformers import SentenceTransformer
        folder = Path(sys.argv[1])
        words = "[PAD] [UNK] [CLS] [SEP] [MASK] cat dog bark 휴가".split()
        folder.mkdir()
        (folder / "vocab.txt").write_text("\\n".join(words), encoding="utf-8")
        size = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
        BertModel(BertConfig(vocab_size=len(words), **size)).save_pretrained(folder)
        BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
        model = SentenceTransformer(str(folder), device="cpu")
        model.max_seq_length = 32
        model.save(str(folder))
        """,
        str(folder),
    )
    return folder


def _run(code, *arguments):
    lines = [line[8:] for line in code.splitlines()]
    command = [sys.executable, "-c", "\n".join(lines), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# The fast path


@pytest.mark.parametrize(
    ("variant", "worst", "mean"), [("f32", 0.999, 0.999), ("bf16", 0.999, 0.999), ("int8", 0.97, 0.99)]
)
def test_every_variant_gives_the_vectors_of_sentence_transformers(models, original, variant, worst, mean):
    prepared = prepare("all-MiniLM-L6-v2", models)
    with OpenVINOModel(prepared.folder, prepared.spec, variant=variant) as model:
        found = model.encode_documents(TEXTS)
        cosines = np.sum(original * found, axis=1)
        assert cosines.min() > worst
        assert cosines.mean() > mean
        for text, vector in zip(TEXTS, found, strict=True):
            assert model.encode_query(text) @ vector > 0.999


def test_the_fingerprint_tells_vectors_of_int8_from_others(minilm, models):
    prepared = prepare("all-MiniLM-L6-v2", models)
    quantised = minilm.served_by == "OpenVINO int8"
    assert minilm.fingerprint == prepared.spec.fingerprint + ("-int8" if quantised else "")
    assert (minilm.dimensions, minilm.max_tokens) == (384, 256)
    assert isinstance(minilm, FastEmbedder)


def test_the_next_variant_is_taken_where_there_is_no_int8(models):
    prepared = prepare("all-MiniLM-L6-v2", models)
    assert fastest(ov.Core(), replace(prepared.spec, int8=False)) in ("bf16", "f32")


def test_serving_never_loads_torch(models):
    loaded = _run(
        """
        import sys
        from pathlib import Path
        from knowledge.embeddings import open_embedder
        embedder = open_embedder("all-MiniLM-L6-v2", cache=Path(sys.argv[1]))
        embedder.encode_query("a"), embedder.encode_documents(["b"]), embedder.count_tokens(["c"])
        print(sorted({"torch", "transformers", "sentence_transformers"} & set(sys.modules)))
        """,
        str(models),
    )
    assert loaded.strip() == "[]"


def test_company_in_a_batch_changes_nothing(minilm):
    many = [f"{text} {number}" for number in range(30) for text in TEXTS]
    together = minilm.encode_documents(many)
    assert together.shape == (180, 384)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    for index in (0, 4, 57, 130, 179):
        assert together[index] @ minilm.encode_documents([many[index]])[0] > 0.9995
    assert minilm.encode_documents([]).shape == (0, 384)


def test_vectors_put_meanings_together_through_langchain_too(minilm):
    documents = np.array(minilm.embed_documents(["A puppy is a young dog.", "The invoice is due on Friday."]))
    question = np.array(minilm.embed_query("When must the bill be paid?"))
    assert documents[1] @ question > documents[0] @ question + 0.2


def test_tokens_are_counted_whole_and_without_marks(minilm):
    assert minilm.count_tokens(["", "dog", "The dog barks.", "dog " * 5000]) == [0, 1, 5, 5000]
    assert minilm.count_tokens([]) == []


def test_what_lies_beyond_the_window_is_not_seen(minilm):
    inside, beyond = minilm.encode_documents(["dog " * 254 + "cat", "dog " * 254 + "submarine " * 50])
    assert inside @ beyond > 0.9999
    earlier = minilm.encode_documents(["dog " * 253 + "submarine"])[0]
    assert earlier @ beyond < 0.9999


def test_a_question_does_not_wait_for_a_long_ingest(minilm):
    done = threading.Event()

    def ingest():
        minilm.encode_documents(["Revenue rose by twelve percent. " * 60] * 150)
        done.set()

    minilm.encode_documents(["warm"])
    worker = threading.Thread(target=ingest)
    start = time.perf_counter()
    worker.start()
    waits = [_seconds(lambda: minilm.encode_query("How much did revenue rise?")) for _ in range(10)]
    assert not done.is_set()
    worker.join()
    assert sorted(waits)[5] < (time.perf_counter() - start) / 10


def _seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_threads_share_an_embedder_and_get_their_own_vectors(minilm):
    questions = [f"What does clause {number} say about notice?" for number in range(40)]
    alone = np.array([minilm.encode_query(question) for question in questions])
    with ThreadPoolExecutor(8) as threads:
        asked = threads.map(minilm.encode_query, questions)
        encoded = threads.map(lambda text: minilm.encode_documents([text, *TEXTS[:3]])[0], questions)
        assert np.allclose(alone, list(asked), atol=1e-3)
        assert np.min(np.sum(alone * list(encoded), axis=1)) > 0.999


# Making ready


def test_two_processes_convert_one_model_once_and_damage_is_mended(tiny, tmp_path):
    prepare_it = """
        import sys
        from pathlib import Path
        from knowledge.conversion import prepare
        print(prepare(sys.argv[1], Path(sys.argv[2])).spec.fingerprint)
        """
    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(_run, prepare_it, str(tiny), str(tmp_path)) for _ in range(2)]
        assert len({run.result() for run in runs}) == 1
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    weights = folder / "model.bin"
    made = weights.stat().st_mtime_ns
    first = prepare(str(tiny), tmp_path)
    assert weights.stat().st_mtime_ns == made, "a whole cache is taken as it is"

    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    mended = prepare(str(tiny), tmp_path)
    assert weights.stat().st_mtime_ns != made
    assert mended == first
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [folder], "nothing is left lying about"

    embedder = open_embedder(str(tiny), cache=tmp_path)
    assert (embedder.dimensions, embedder.max_tokens) == (16, 32)
    assert embedder.fingerprint == first.spec.fingerprint
    assert embedder.encode_documents(["cat " * 100]).shape == (1, 16)
    embedder.close()


@pytest.mark.parametrize("file", ["manifest.json", "tokenizer.json", "model.xml", "model-int8.bin"])
def test_every_file_of_a_converted_model_is_checked(models, tmp_path, file, monkeypatch):
    whole = prepare("all-MiniLM-L6-v2", models).folder
    folder = tmp_path / whole.name
    shutil.copytree(whole, folder)
    assert prepare("all-MiniLM-L6-v2", tmp_path).folder == folder
    text = (folder / file).read_bytes()
    (folder / file).write_bytes(text.replace(b"384", b"385", 1) if b"384" in text else text[:-9])
    monkeypatch.setattr("knowledge.conversion._convert", lambda *_: "rebuilt")
    assert prepare("all-MiniLM-L6-v2", tmp_path) == "rebuilt"


def test_what_the_fast_path_cannot_express_is_served_by_sentence_transformers(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "cat": 1, "dog": 2, "휴가": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = tmp_path / "static"
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu").save(str(folder))
    embedder = open_embedder(str(folder), cache=tmp_path / "cache")
    assert embedder.served_by.startswith("sentence-transformers, because it has no fast tokenizer")
    vectors = embedder.encode_documents(["cat", "dog", "휴가"] * 5)
    assert vectors.shape == (15, 8)
    assert int(np.argmax(vectors @ embedder.encode_query("휴가"))) % 3 == 2
    assert embedder.count_tokens(["cat dog 휴가", ""]) == [3, 0]
    again = open_embedder(str(folder), cache=tmp_path / "cache")
    assert again.fingerprint == embedder.fingerprint


@pytest.mark.parametrize(
    ("name", "prompts", "expected"),
    [
        ("org/with-prompts", {"query": "q: ", "document": "d: "}, ("q: ", "d: ")),
        ("org/with-passage", {"query": "Search: ", "passage": "Text: "}, ("Search: ", "Text: ")),
        ("intfloat/multilingual-e5-small", {"query": "", "document": ""}, ("query: ", "passage: ")),
        ("all-MiniLM-L6-v2", {}, ("", "")),
    ],
)
def test_prompts_come_from_the_model_and_for_e5_from_its_family(name, prompts, expected):
    from knowledge.convert_model import prompts_of

    assert prompts_of(SimpleNamespace(prompts=prompts, default_prompt_name=None), name) == expected


@pytest.mark.parametrize(
    "name", ["./no/such/folder", "/no/such/folder", "not a name", "~/nothing/here", "a/b/c"]
)
def test_a_folder_that_is_not_there_is_said_to_be_missing(name, tmp_path):
    with pytest.raises(EmbedderNotFound, match="give the folder of one"):
        open_embedder(name, cache=tmp_path)


def test_a_name_that_needs_the_network_says_so_without_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EmbedderNotFound, match="is not installed and could not be fetched: give the path"):
        open_embedder("nobody/has-this-model", cache=tmp_path)


# An OpenAI-compatible endpoint


class _Endpoint(BaseHTTPRequestHandler):
    """Says the number of letters, words and a constant about each text, unscaled."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers["Authorization"], body["model"], body["input"]))
        rows = [[3.0 * len(text), 4.0 * len(text.split()), 1.0][: self.server.size] for text in body["input"]]
        if body.get("encoding_format") == "base64":
            rows = [base64.b64encode(np.array(row, np.float32).tobytes()).decode() for row in rows]
        data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        answer = json.dumps({"object": "list", "data": data, "model": body["model"], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint) as server:
        server.seen, server.size = [], 3
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _open_remote(endpoint, cache, name="openai:bge-m3"):
    url = f"http://127.0.0.1:{endpoint.server_port}/v1"
    return open_embedder(name, cache=cache, base_url=url, api_key=SecretStr("secret"))


def test_an_openai_compatible_endpoint_embeds(endpoint, tmp_path):
    embedder = _open_remote(endpoint, tmp_path)
    vectors = embedder.encode_documents(["four", "", "two words"] + ["more"] * 100)
    assert vectors.shape == (103, 3)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.allclose(vectors[2], np.array([27, 8, 1]) / np.linalg.norm([27, 8, 1]))
    assert np.allclose(embedder.encode_query("two words"), vectors[2])
    assert embedder.encode_documents([]).shape == (0, 3)
    assert embedder.count_tokens(["twelve chars", "연차휴가"]) == [3, 4]
    assert {(path, key, model) for path, key, model, _ in endpoint.seen} == {
        ("/v1/embeddings", "Bearer secret", "bge-m3")
    }
    assert "" not in [text for *_, texts in endpoint.seen for text in texts], "endpoints refuse an empty text"


def test_a_known_endpoint_need_not_answer_for_the_embedder_to_open(endpoint, tmp_path):
    assert _open_remote(endpoint, tmp_path).fingerprint == "openai:bge-m3:3"
    asked = len(endpoint.seen)
    assert _open_remote(endpoint, tmp_path).dimensions == 3
    assert len(endpoint.seen) == asked


def test_an_endpoint_that_serves_another_model_by_now_is_refused(endpoint, tmp_path):
    embedder = _open_remote(endpoint, tmp_path)
    endpoint.size = 2
    with pytest.raises(EmbedderUnavailable, match="serves another model now"):
        embedder.encode_documents(["a"])


def test_an_endpoint_that_is_down_gives_one_clear_sentence(tmp_path):
    with pytest.raises(EmbedderUnavailable, match="does not answer: check its address and key"):
        open_embedder("openai:bge-m3", cache=tmp_path, base_url="http://127.0.0.1:9/v1")


# The offline double


def test_the_offline_double_is_the_same_everywhere_and_lexical():
    embedder = open_embedder("hashing", cache=Path("unused"))
    vectors = embedder.encode_documents(["The cat sat on the mat.", "연차 휴가는 15일이다.", "Invoices", ""])
    assert np.flatnonzero(vectors[2]).tolist() == [8]
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 0])
    assert int(np.argmax(vectors @ embedder.encode_query("where is the CAT"))) == 0
    assert int(np.argmax(vectors @ embedder.encode_query("휴가는 며칠?"))) == 1
    assert embedder.count_tokens(["two words", ""]) == [2, 0]
