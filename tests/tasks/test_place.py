"""The cutaway rule, frame-exact, whatever the scenes and the rate."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.prompt import Prompt
from tasks.place import APART, LONGEST, SHORTEST, covered_share, find_mentions, place_panels
from tasks.records import Candidate, Cue, Panel, Summary
from tests.tasks.boards import RATES, make_board, make_scene, make_video


def placements(scenes):
    return [scene.panel.placement for scene in scenes if scene.panel.placement]


def test_a_picture_starts_at_the_word_that_names_its_subject():
    video = make_video(60.0)
    cues = (Cue(0, 1.0, 4.0, "Hello all."), Cue(1, 8.0, 12.0, "Look at rockets and stars"))
    scene = make_scene(video, 1, 0, 20, (0, 1), prompt=Prompt("rocket"))
    (placed,) = place_panels(video, cues, [scene])
    expected = 8.0 + 4.0 * len("Look at ") / len("Look at rockets and stars")
    assert placed.panel.placement.start == pytest.approx(expected, abs=0.5 / 25)
    assert placed.panel.placement.end_frame - placed.panel.placement.start_frame == LONGEST * 25


@pytest.mark.parametrize(
    ("said", "subject"),
    [("two batteries", "battery"), ("the boxes", "box"), ("Glass", "glass"), ("a red BUS", "bus"), ("foxes", "fox"),
     ("light bulbs", "light bulb"), ("a house", "houses")],
)  # fmt: skip
def test_words_are_found_in_either_number(said, subject):
    assert find_mentions([Cue(0, 0.0, 1.0, said)], subject)


@pytest.mark.parametrize("said", ["rocketry", "the", "of a", "carpet"])
def test_other_words_are_not(said):
    assert not find_mentions([Cue(0, 0.0, 1.0, said)], "the car of a rocket")


def test_without_the_word_the_proof_of_the_gist_counts():
    video, cues = make_video(), (Cue(0, 1.0, 4.0, "Hello."), Cue(1, 6.0, 9.0, "Up it goes."))
    scene = make_scene(video, 1, 0, 20, (0, 1), prompt=Prompt("rocket"), summary=Summary("g", evidence=(1,)))
    assert place_panels(video, cues, [scene])[0].panel.placement.start == 6.0


def test_a_silent_scene_is_first_seen_as_it_is():
    video = make_video()
    (placed,) = place_panels(video, (), [make_scene(video, 1, 0, 40)])
    assert placed.panel.placement.start == 10.0


def test_a_word_at_the_very_end_still_gets_its_three_seconds():
    video = make_video()
    cues = (Cue(0, 18.0, 19.9, "And so the rocket"),)
    (placed,) = place_panels(video, cues, [make_scene(video, 1, 0, 20, (0,), prompt=Prompt("rocket"))])
    assert (placed.panel.placement.start, placed.panel.placement.end) == (17.0, 20.0)


def test_failed_and_short_scenes_get_no_place():
    video = make_video()
    scenes = [make_scene(video, 1, 0, 2.5), make_scene(video, 2, 2.5, 30, state="failed"), make_scene(video, 3, 30, 60)]
    assert [scene.panel.placement is not None for scene in place_panels(video, (), scenes)] == [False, False, True]


def test_with_little_time_the_best_pictures_get_theirs():
    board = make_board(tuple("abcdefgh"), 10.0)
    scores = (0.1, 0.9, 0.2, 0.3, 0.8, 0.0, 0.1, 0.2)
    scenes = [
        replace(s, panel=Panel(None, (Candidate("images/a.png", 1, score, "d"),), 0))
        for s, score in zip(board.scenes, scores, strict=True)
    ]
    placed = place_panels(board.video, board.captions.cues, scenes, density=6 / 80)
    assert [scene.id for scene in placed if scene.panel.placement] == ["s002", "s005"]


def test_no_density_no_pictures():
    board = make_board()
    assert not placements(place_panels(board.video, board.captions.cues, board.scenes, density=0.0))


spans = st.tuples(st.floats(0, 300), st.floats(0.1, 20)).map(lambda s: (s[0], s[0] + s[1]))


@given(
    st.sampled_from(RATES), st.lists(st.floats(0.5, 60), min_size=1, max_size=12), st.floats(0, 1),
    st.lists(spans, max_size=3), st.randoms(use_true_random=False),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_the_rule_holds_for_any_scenes(rate: Fraction, lengths, density, keep_clear, chance):
    video = make_video(sum(lengths), rate)
    assume(video.frame_count > 0)
    scenes, cues, at = [], [], 0.0
    for i, length in enumerate(lengths):
        cues.append(Cue(i, at + length * chance.random() / 2, at + length, "see the rocket and the moon"))
        scenes.append(make_scene(video, i + 1, at, at + length, (i,), prompt=Prompt(chance.choice(["rocket", "fish"]))))
        at += length
    placed = place_panels(video, cues, scenes, density, keep_clear)
    assert covered_share(video, placed) <= density + 1e-9
    earlier = -(10**9)
    for scene in placed:
        if not (place := scene.panel.placement):
            continue
        frames = place.end_frame - place.start_frame
        assert SHORTEST * rate <= frames <= LONGEST * rate
        assert place.start_frame - earlier >= APART * rate
        assert scene.start_frame <= place.start_frame
        assert place.end_frame <= min(scene.end_frame, video.frame_count)
        assert round(place.start * rate) == place.start_frame
        assert all(place.end <= start or end <= place.start for start, end in keep_clear)
        earlier = place.end_frame
