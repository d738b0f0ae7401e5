import threading

import numpy as np
import pytest

from knowledge.vectors import Clusters, VectorIndex, beside
from tests.knowledge.library import random_unit

ROWS = random_unit(500, 32)


@pytest.fixture
def index():
    index = VectorIndex(32)
    with index.changing():
        index.fill(np.arange(100, 600), ROWS, 1)
    return index


def test_the_nearest_are_found_by_id_best_first(index):
    ids, cosines = index.search(ROWS[7], 10)
    exact = np.argsort(-(ROWS @ ROWS[7]))[:10] + 100

    assert ids[0] == 107
    assert cosines[0] == pytest.approx(1, abs=0.002)
    assert set(ids) == set(exact)
    assert list(cosines) == sorted(cosines, reverse=True)


def test_a_search_within_ranges_finds_k_of_them_however_far(index):
    ids, _ = index.search(ROWS[7], 5, [(300, 303), (599, 600)])

    assert sorted(ids) == [300, 301, 302, 599]
    assert len(index.search(ROWS[7], 5, [])[0]) == 0


def test_replacing_renumbers_nothing_else(index):
    with index.changing():
        index.replace((107, 110), 1000, ROWS[:2], 2)

    assert len(index) == 499
    assert index.search(ROWS[7], 1)[0][0] != 107
    assert index.search(ROWS[50], 1)[0][0] == 150
    assert set(index.search(ROWS[1], 2)[0]) == {101, 1001}


def test_a_cache_is_taken_back_only_when_it_is_whole(index, tmp_path):
    path = tmp_path / "index.faiss"
    sha256 = index.save(path)
    again = VectorIndex(32)

    assert again.load(path, sha256, 5)
    assert again.generation == 5
    assert np.array_equal(again.search(ROWS[3], 10)[0], index.search(ROWS[3], 10)[0])
    path.write_bytes(path.read_bytes()[:-1] + b"\0\0")
    assert not VectorIndex(32).load(path, sha256, 5)
    path.unlink()
    assert not VectorIndex(32).load(path, sha256, 5)


def test_a_cache_of_other_dimensions_is_not_taken(index, tmp_path):
    sha256 = index.save(tmp_path / "index.faiss")
    other = VectorIndex(16)

    assert not other.load(tmp_path / "index.faiss", sha256, 1)
    assert len(other.search(random_unit(1, 16)[0], 3)[0]) == 0


def test_searches_and_changes_take_turns(index):
    wrong = []

    def search() -> None:
        for _ in range(300):
            with index.reading():
                held = len(index)
                ids, _ = index.search(ROWS[0], 600)
                if len(ids) != held or held not in (500, 499):
                    wrong.append(held)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(100):
        with index.changing():
            index.replace((100, 101), 0, ROWS[:0], 0)
        with index.changing():
            index.replace(None, 100, ROWS[:1], turn)
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.fixture
def clusters(index):
    with index.changing():
        index.begin_clustering()
    made = Clusters(32, 500)
    made.train(ROWS)
    made.add(np.arange(100, 600), ROWS)
    return made


def test_clusters_find_what_comparing_with_each_finds(index, clusters):
    exact = [set(index.search(row, 10)[0]) for row in ROWS]
    with index.changing():
        assert index.end_clustering(clusters)

    assert index.unclustered == 0
    found = [set(index.search(row, 10)[0]) for row in ROWS]
    assert np.mean([len(a & b) / 10 for a, b in zip(exact, found, strict=True)]) > 0.95
    assert sorted(index.search(ROWS[7], 5, [(300, 303), (599, 600)])[0]) == [300, 301, 302, 599]


def test_what_changes_while_clusters_are_made_is_not_lost(index, clusters):
    with index.changing():
        index.replace((107, 110), 1000, ROWS[:2], 2)
        index.replace(None, 700, ROWS[50:51], 3)
    clusters.add(np.array([1000]), ROWS[:1])  # read after it had come
    with index.changing():
        assert index.end_clustering(clusters)

    assert len(index) == 500
    assert 107 not in index.search(ROWS[7], 500)[0]
    assert set(index.search(ROWS[50], 2)[0]) == {150, 700}
    assert set(index.search(ROWS[0], 2)[0]) == {100, 1000}
    assert index.generation == 3


def test_clusters_of_what_was_filled_anew_meanwhile_are_not_taken(index, clusters):
    with index.changing():
        index.fill(np.arange(3), ROWS[:3], 9)
        assert not index.end_clustering(clusters)

    assert len(index) == 3


def test_saved_clusters_are_mapped_and_their_damage_is_noticed(index, clusters, tmp_path):
    path = tmp_path / "index.faiss"
    with index.changing():
        index.end_clustering(clusters)
        index.replace(None, 700, ROWS[:1], 2)
    seal = index.save(path)
    again = VectorIndex(32)
    assert again.load(path, seal, 2)
    assert again.verify()
    assert set(again.search(ROWS[0], 2)[0]) == {100, 700}

    with again.changing():
        again.replace((100, 200), 800, ROWS[:0], 3)
    assert len(again) == 401
    assert 100 not in again.search(ROWS[0], 401)[0]

    damaged = VectorIndex(32)
    data = bytearray(beside(path).read_bytes())
    data[-40] ^= 255
    beside(path).write_bytes(data)
    assert damaged.load(path, seal, 2)
    assert not damaged.verify()
    assert damaged.generation == -1
    beside(path).write_bytes(b"")
    assert not VectorIndex(32).load(path, seal, 2)
