"""The judge: the best is chosen, an empty sheet and a copy of the frame are refused."""

import cv2
import numpy as np
import pytest

from models.prompt import Prompt
from tasks.judge import Verdict, choose_best, find_fault, is_near_copy, judge_candidates
from tests.media_factory import talk_frames


def make_slide(seed: int) -> np.ndarray:
    """A slide with lettering and a figure, (360, 640, 3)."""
    chance = np.random.default_rng(seed)
    slide = np.full((360, 640, 3), chance.integers(170, 250, 3), np.uint8)
    for line in range(4):
        text = "".join(chance.choice(list("abcdefgh "), 18))
        cv2.putText(slide, text, (40, 70 + 60 * line), 0, 1.1, (30, 30, 50), 2)
    x, y = int(chance.integers(420, 600)), int(chance.integers(150, 260))
    cv2.circle(slide, (x, y), 50, (200, 160, 130), -1)
    cv2.rectangle(slide, (x - 70, y + 50), (x + 70, 359), tuple(int(c) for c in chance.integers(0, 255, 3)), -1)
    return slide


def make_drawing(seed: int) -> np.ndarray:
    """A flat illustration: ground, horizon, one thing of several parts, (180, 320, 3)."""
    chance = np.random.default_rng(seed)
    drawing = np.full((180, 320, 3), chance.integers(60, 255, 3), np.uint8)
    cv2.rectangle(drawing, (0, int(chance.integers(90, 160))), (320, 180), chance.integers(0, 255, 3).tolist(), -1)
    x, y = int(chance.integers(75, 245)), int(chance.integers(50, 130))
    for _ in range(5):
        at = (x + int(chance.integers(-38, 38)), y + int(chance.integers(-30, 30)))
        colour = chance.integers(0, 255, 3).tolist()
        if chance.random() < 0.5:
            cv2.circle(drawing, at, int(chance.integers(10, 33)), colour, -1)
        else:
            corner = (at[0] + int(chance.integers(15, 55)), at[1] + int(chance.integers(15, 55)))
            cv2.rectangle(drawing, at, corner, colour, -1)
    return drawing


FRAMES = [make_slide(seed) for seed in range(4)] + [next(talk_frames(1, seed, (640, 360))) for seed in range(3)]
ALTERED = {
    "larger": lambda f: cv2.resize(f, (1280, 720)),
    "smaller": lambda f: cv2.resize(f, (320, 180)),
    "brighter": lambda f: np.clip(f * 1.3 + 20, 0, 255).astype(np.uint8),
    "darker": lambda f: (f * 0.5).astype(np.uint8),
    "tinted": lambda f: np.clip(f * np.array([0.6, 0.8, 1.2]), 0, 255).astype(np.uint8),
    "noisy": lambda f: np.clip(f + np.random.default_rng(0).normal(0, 12, f.shape), 0, 255).astype(np.uint8),
    "blurred": lambda f: cv2.GaussianBlur(f, (0, 0), 3),
    "compressed": lambda f: cv2.imdecode(cv2.imencode(".jpg", f, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], cv2.IMREAD_COLOR),
    "posterised": lambda f: f // 48 * 48,
    "mirrored": lambda f: np.ascontiguousarray(f[:, ::-1]),
    "negative": lambda f: 255 - f,
    "cropped": lambda f: cv2.resize(f[10:-10, 18:-18], (640, 360)),
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_copy_of_a_frame_is_found(name):
    missed = [i for i, frame in enumerate(FRAMES) if not is_near_copy(ALTERED[name](frame), frame)]
    assert missed == []


def test_a_drawing_is_no_copy_of_any_frame():
    drawings = [make_drawing(seed) for seed in range(40)]
    taken = [(d, f) for d, drawing in enumerate(drawings) for f, frame in enumerate(FRAMES)
             if is_near_copy(drawing, frame)]  # fmt: skip
    assert taken == []


def test_one_slide_is_no_copy_of_a_frame_of_another_talk():
    assert not any(is_near_copy(slide, frame) for slide in FRAMES[:4] for frame in FRAMES[4:])


@pytest.mark.parametrize("frame", [np.zeros((90, 160, 3), np.uint8), np.full((90, 160, 3), 255, np.uint8)])
def test_a_black_or_white_frame_can_be_copied_by_nothing(frame):
    assert not is_near_copy(make_drawing(1), frame)
    assert not is_near_copy(frame, frame)


def test_an_empty_sheet_is_refused():
    assert find_fault(np.full((180, 320, 3), 200, np.uint8), None) == "empty: one even colour"
    assert find_fault(make_drawing(0), None) == ""


def test_the_best_that_is_not_refused_is_chosen():
    frame = FRAMES[0]
    pictures = [make_drawing(1), ALTERED["larger"](frame), make_drawing(2)]

    def score(images, texts):
        assert texts == ["a rocket"]
        return np.array([[0.2], [0.9], [0.4]])[: len(images)]

    verdicts = judge_candidates(pictures, frame, Prompt("rocket", core="a rocket"), score)
    assert [verdict.note for verdict in verdicts] == ["", "near-copy of the frame", ""]
    assert choose_best(verdicts) == 2
    assert judge_candidates([], frame, Prompt("rocket"), score) == ()


def test_choice_among_equals_and_none():
    assert choose_best([Verdict(0.5, ""), Verdict(0.5, "")]) == 0
    assert choose_best([Verdict(0.5, "refused")]) == -1
    assert choose_best([]) == -1


def test_a_score_that_is_no_number_counts_as_nothing():
    verdicts = judge_candidates([make_drawing(0)], None, Prompt("x"), lambda images, texts: np.array([[np.nan]]))
    assert verdicts[0].score == 0.0
