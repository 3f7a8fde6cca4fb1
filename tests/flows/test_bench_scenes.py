"""The errors of a segmentation, by hand; and what the bench joins is what it says."""

import random

import pytest

from flows.bench.describe import load_passages
from flows.bench.scenes import PASSAGES, count_errors, even_windows, first_sentences, make_talk
from tasks.records import Scene


@pytest.mark.parametrize(
    ("found", "pk", "diff"),
    [([4], 0.0, 0.0), ([], 2 / 6, 2 / 6), ([4, 5], 1 / 6, 2 / 6), ([5], 2 / 6, 2 / 6)],
)
def test_errors_of_one_boundary_among_eight_sentences(found, pk, diff) -> None:
    assert count_errors(found, [4], 8) == pytest.approx((pk, diff))  # k is 2: six windows


def test_a_talk_is_joined_from_whole_passages() -> None:
    passages = load_passages("test")
    talk, again = (make_talk(random.Random(3), passages) for _ in range(2))
    assert talk == again and len(talk.changes) == PASSAGES - 1
    starts = {one["sentences"][0] for one in passages}
    assert all(talk.captions.cues[index].text in starts for index in (0, *talk.changes))
    ends = (talk.captions.cues[index].start - 0.05 for index in talk.changes)
    scenes = [Scene(f"s{k}", start, start + 1.0, 0, 0) for k, start in enumerate((0.0, *ends))]
    assert first_sentences(scenes, talk.captions.cues) == list(talk.changes)
    assert len(even_windows(talk)) == PASSAGES - 1
