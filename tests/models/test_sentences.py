"""Sentence vectors by their meaning: what is alike lies close, and the batch does not matter."""

import numpy as np
import pytest

from models.errors import SetupError
from models.sentences import KEPT_FROM, keep_vectors, load_embedder


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


def test_long_lists_are_kept_and_a_damaged_file_is_made_anew(tmp_path) -> None:
    asked: list[int] = []

    def count(texts) -> np.ndarray:
        asked.append(len(texts))
        return np.full((len(texts), 3), len(texts[0]), np.float32)

    embed, texts = keep_vectors(count, tmp_path / "vectors", "m"), ["bee"] * KEPT_FROM
    assert np.array_equal(embed(texts), embed(texts)) and asked == [KEPT_FROM]
    embed(texts[:-1])
    keep_vectors(count, tmp_path / "vectors", "other")(texts)
    assert asked == [KEPT_FROM, KEPT_FROM - 1, KEPT_FROM]
    for path in (tmp_path / "vectors").iterdir():
        path.write_bytes(path.read_bytes()[:-5])
    assert embed(texts).shape == (KEPT_FROM, 3) and len(asked) == 4
    assert not list((tmp_path / "vectors").glob("*.part"))


def test_a_cache_that_cannot_be_written_costs_no_result(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    embed = keep_vectors(lambda texts: np.ones((len(texts), 3), np.float32), tmp_path / "file" / "vectors", "m")
    assert embed(["bee"] * KEPT_FROM).shape == (KEPT_FROM, 3)
