import numpy as np
import pytest

from knowledge.fusion import fuse, weights


def array(*values):
    return np.array(values, np.float32)


SURE = array(1, 1, 1)


def test_the_dense_leg_does_not_count_for_text_that_the_embedder_does_not_know():
    fused = fuse(array(5, 0, 0), array(0, 0, 0), array(0.1, 0.2, 0.3))

    assert np.argsort(-fused).tolist() == [2, 1, 0]
    assert weights(array(5, 0, 0), array(0, 0, 0), array(0.1, 0.2, 0.3)) == {"dense": 0, "lexical": 1}


def test_most_of_the_words_of_a_question_outweigh_a_near_cosine():
    assert np.argmax(fuse(array(4, 1, 0), SURE, array(0.05, 0.6, 0))) == 1


def test_few_of_the_words_of_a_question_do_not():
    assert np.argmax(fuse(array(4, 1, 0), SURE, array(0.05, 0.2, 0))) == 0


def test_a_chunk_without_a_vector_is_judged_by_its_words():
    fused = fuse(array(np.nan, 1, 3), SURE, array(0.5, 0, 0))

    assert not np.isnan(fused).any()
    assert np.argmax(fused) == 0


def test_the_weights_say_what_each_leg_did():
    said = weights(array(3, 0, 1), SURE, array(0.3, 0.1, 0))

    assert sum(said.values()) == pytest.approx(1)
    assert weights(array(), array(), array()) == {"dense": 0, "lexical": 0}
