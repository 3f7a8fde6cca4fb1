"""Sentence vectors by their meaning: what is alike lies close, and the batch does not matter."""

import numpy as np
import pytest

from models.errors import SetupError
from models.sentences import load_embedder


@pytest.fixture(scope="module")
def embed(need_weight):
    return load_embedder(need_weight("minilm-l6"))


def test_rows_are_unit_vectors_of_384(embed) -> None:
    vectors = embed(["A bicycle.", "The bees are dancing in front of the hive.", ""])
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_meaning_orders_the_neighbours(embed) -> None:
    bike, bicycle, bread = embed(["She rides a bike to work.", "The bicycle takes her to work.", "The dough rests."])
    assert float(bike @ bicycle) > float(bike @ bread) + 0.3


def test_a_vector_does_not_depend_on_its_batch(embed) -> None:
    texts = ["A short one.", "A far longer sentence that makes the others of its batch carry a lot of padding. " * 3]
    together = embed(texts * 20)
    assert np.allclose(together[:2], embed(texts), atol=1e-5)
    assert np.allclose(together[0], embed(texts[:1])[0], atol=1e-5)


def test_no_texts_give_no_rows(embed) -> None:
    assert embed([]).shape == (0, 384)


def test_a_folder_without_a_model_is_refused(tmp_path) -> None:
    with pytest.raises(SetupError, match="broll models fetch"):
        load_embedder(tmp_path)
