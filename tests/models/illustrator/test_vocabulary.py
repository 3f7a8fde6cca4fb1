"""The drawable concepts: enough of them for what talks are about, each with a drawing, none twice."""

import numpy as np

from models.illustrator.composer import load_sketchbook
from models.illustrator.vocabulary import load_vocabulary
from models.profiles import load_profile
from models.registry import embedder
from tests.tree import ROOT

NEAR = 0.6  # cosine of two words' sentence vectors from which one may stand for the other: "salary", "money bag"


def test_names_are_distinct_and_each_has_a_thumbnail():
    names, bank = load_vocabulary().names, load_sketchbook()
    assert len(set(names)) == len(names) == len(bank.drawings) > 1000
    assert (bank.drawings[:, 3].float().mean((1, 2)) > 8).all()  # none is empty


def test_most_nouns_of_talks_have_a_drawing_near(need_weight):
    need_weight("minilm-l6")
    lines = (ROOT / "tests" / "data" / "nouns.txt").read_text("utf-8").splitlines()
    nouns = [noun for line in lines if not line.startswith("#") for noun in line.split()]
    assert len(set(nouns)) == len(nouns) >= 300
    vocabulary, embed = load_vocabulary(), embedder(load_profile("embedded"))
    words = [word for name, more in zip(vocabulary.names, vocabulary.synonyms, strict=True) for word in (name, *more)]
    nearest = (embed(nouns) @ np.asarray(embed(words)).T).max(1)
    assert (nearest >= NEAR).mean() >= 0.85
