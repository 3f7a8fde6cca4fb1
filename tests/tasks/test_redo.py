"""The editing loop below the command line: what is redone and what stays, own pictures, redoing by hand, going back."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import InputError
from tasks import draw, output, stages
from tasks.changes import Outlook, foresee, format_outlook
from tasks.desk import Desk
from tasks.draw import candidate_seed
from tasks.edits import EDITS_NAME
from tasks.history import go_back, list_entries
from tasks.pictures import SOURCE_TYPE, XMP_KEY, read_notes, read_picture, write_picture
from tasks.provenance import draw_again, list_differences, read_provenance, read_request
from tasks.records import Scene, Storyboard
from tasks.redo import Redo, redraw
from tasks.stages import carry_over, heed_edits
from tasks.storyboard import read_storyboard
from tests.flows.tools import Tools, make_talk
from tests.tasks.boards import make_board, make_scene, make_video
from tests.tasks.plain import SMALL, run_plainly


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A finished folder of three scenes with two pictures each."""
    talk = make_talk(tmp_path_factory.mktemp("videos"))
    return run_plainly(talk, tmp_path_factory.mktemp("out"), Tools())[0].folder


class Folder:
    """A copy of it to edit, rendered as the flow does, by tools that count what they draw."""

    def __init__(self, source: Path, place: Path) -> None:
        self.path = shutil.copytree(source, place / "talk")
        self.tools = Tools()

    def edit(self, *lines: str, scene: str = "s002") -> None:
        """Write lines below the scene's `do: keep`."""
        path = self.path / EDITS_NAME
        head, _, rest = path.read_text().partition(f"  {scene}:")
        added = "".join(f"    {line}\n" for line in lines)
        rest = rest.replace("    do: keep\n", added, 1)
        path.write_text(f"{head}  {scene}:{rest}")

    def desk(self) -> tuple[Desk, Storyboard]:
        from models.profiles import load_profile
        from tasks.desk import Settings, resolve_settings
        from tasks.storyboard import from_plain

        board = read_storyboard(self.path / "storyboard.json")
        before = from_plain(Settings, board.settings, "settings")
        settings = resolve_settings(replace(SMALL, scenes=None), load_profile("embedded"), board.video, before)
        self.tools.drawn.clear()
        return Desk(self.path, settings, self.tools.box()), board

    def foresee(self) -> Outlook:
        desk, board = self.desk()
        return foresee(desk, board, heed_edits(desk, board))

    def render(self) -> Storyboard:
        desk, board = self.desk()
        board = heed_edits(desk, board)
        for scene in board.scenes:
            board = draw.draw_candidates(desk, board, scene.id)
            board = draw.choose_candidate(desk, board, scene.id)
        return output.write_outputs(desk, stages.place(desk, board))

    def redo(self, **asked) -> Storyboard:
        desk, board = self.desk()
        board = redraw(desk, heed_edits(desk, board), Redo(**{"scene": "s002", **asked}))
        return output.write_outputs(desk, stages.place(desk, board))

    def undo(self) -> tuple[Storyboard, str]:
        desk, board = self.desk()
        board, told = go_back(self.path, board)
        return output.write_outputs(desk, stages.place(desk, heed_edits(desk, board))), told

    def pictures(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.path / "images").iterdir()}


@pytest.fixture
def folder(drawn, tmp_path) -> Folder:
    return Folder(drawn, tmp_path)


def shown(scene: Scene) -> str:
    return scene.panel.candidates[scene.panel.chosen].image if scene.panel.chosen >= 0 else ""


def scene_of(board: Storyboard, name: str = "s002") -> Scene:
    return next(scene for scene in board.scenes if scene.id == name)


def test_nothing_changed_is_nothing_to_do(folder):
    before = folder.pictures()
    assert folder.foresee() == Outlook((), 3, 0, 0.0)
    folder.render()
    assert folder.tools.loaded == {} and folder.pictures() == before
    assert format_outlook(folder.foresee()) == "nothing to do: 3 scenes stay as they are"


@pytest.mark.parametrize(
    ("line", "why", "count"),
    [
        ("lighting: night", "lighting", 2),
        ("subject: garden", "subject", 2),
        ("seed: 7", "seed", 2),
        ("do: redo", "redo", 2),
        ("do: drop", "drop", 0),
        ("choose: 1", "choose", 0),
        ("in: 0:09", "in", 0),
    ],
)
def test_exactly_what_changed_is_redone_as_foretold(folder, line, why, count):
    before, boards = folder.pictures(), [read_storyboard(folder.path / "storyboard.json")]
    folder.edit(line)
    outlook = folder.foresee()
    assert (outlook.pictures, outlook.kept) == (count, 2)
    assert [(change.scene, change.pictures, why in change.why) for change in outlook.changes] == [("s002", count, True)]
    assert folder.tools.drawn == [] and folder.pictures() == before
    boards.append(folder.render())
    assert len(folder.tools.drawn) == count
    after = folder.pictures()
    assert {name: after[name] for name in before} == before
    assert all("_s002_" in name for name in after.keys() - before.keys()) and len(after) == len(before) + count
    for name in ("s001", "s003"):
        assert scene_of(boards[0], name).panel.candidates == scene_of(boards[1], name).panel.candidates
    assert folder.foresee().changes == ()
    folder.render()
    assert folder.tools.drawn == []


def test_taking_an_edit_out_again_draws_nothing(folder):
    first = read_storyboard(folder.path / "storyboard.json")
    text = (folder.path / EDITS_NAME).read_text()
    folder.edit("lighting: night")
    folder.render()
    (folder.path / EDITS_NAME).write_text(text)
    board = folder.render()
    assert folder.tools.drawn == []
    assert scene_of(board).prompt == scene_of(first).prompt and shown(scene_of(board)) == shown(scene_of(first))


def test_seeds_are_the_persons_own(folder):
    folder.edit("seed: 7")
    assert [c.seed for c in scene_of(folder.render()).panel.candidates[:2]] == [7, 8]
    folder.edit("do: redo 2", scene="s001")
    seeds = [c.seed for c in scene_of(folder.render(), "s001").panel.candidates[:2]]
    assert seeds == [candidate_seed(0, "s001", 128), candidate_seed(0, "s001", 129)]


def test_a_dropped_scene_has_no_picture_and_comes_back(folder):
    first = read_storyboard(folder.path / "storyboard.json")
    folder.edit("do: drop")
    scene = scene_of(folder.render())
    assert (scene.panel.chosen, scene.panel.placement, len(scene.panel.candidates)) == (-1, None, 2)
    path = folder.path / EDITS_NAME
    path.write_text(path.read_text().replace("do: drop", "do: keep"))
    assert shown(scene_of(folder.render())) == shown(scene_of(first))
    assert folder.tools.drawn == []


def test_a_person_places_a_picture_and_the_others_make_way(folder):
    folder.edit("in: 9.5", "out: 0:13")
    board = folder.render()
    place = scene_of(board).panel.placement
    assert (place.start, place.end, place.start_frame, place.end_frame) == (9.5, 13.0, 95, 130)
    for other in board.scenes:
        if other.id != "s002" and other.panel.placement:
            assert other.panel.placement.end <= 9.5 or other.panel.placement.start >= 13.0


def test_an_own_picture_is_fitted_and_labelled_as_what_it_is(folder, tmp_path):
    own = tmp_path / "My Photo.jpg"
    Image.effect_noise((400, 400), 90).convert("RGB").save(own)
    before = own.read_bytes()
    folder.edit(f"picture: {own}")
    assert folder.foresee().changes[0].does == "fits your own picture"
    board = folder.render()
    candidate = scene_of(board).panel.candidates[scene_of(board).panel.chosen]
    path = folder.path / candidate.image
    assert candidate.kind == "own" and read_picture(path).shape == (90, 160, 3)
    notes = read_notes(path)
    assert notes["origin"] == "own picture, not generated" and notes["source"] == own.name
    assert XMP_KEY not in notes and SOURCE_TYPE.encode() not in path.read_bytes()
    assert own.read_bytes() == before and folder.tools.drawn == []
    assert not json.loads((folder.path / "provenance.json").read_text())["pictures"][candidate.image]["generated"]
    assert folder.foresee().changes == ()
    with pytest.raises(InputError, match="own picture: it was fitted"):
        read_request(read_provenance(path))
    with pytest.raises(InputError, match="shows your own picture"):
        folder.redo(seed=1)


def test_a_sketch_that_is_repainted_redraws_its_scene(folder):
    sketch = folder.path / "mine.png"
    Image.new("RGB", (64, 36), "red").save(sketch)
    folder.edit("sketch: mine.png", "strength: 0.5")
    folder.render()
    assert len(folder.tools.drawn) == 2
    assert folder.foresee().changes == ()
    Image.new("RGB", (64, 36), "blue").save(sketch)
    assert folder.foresee().pictures == 2
    candidate = scene_of(folder.render()).panel.candidates[0]
    assert candidate.settings["hold"] == 0.5
    assert read_picture(folder.path / candidate.settings["sketch"]).mean(axis=(0, 1)).tolist() == [0, 0, 255]


def test_locked_scenes_outlive_everything(folder):
    folder.edit("lock: true")
    first = scene_of(folder.render())
    path = folder.path / EDITS_NAME
    path.write_text(
        path.read_text().replace("    lock: true\n", "    lock: true\n    palette: vivid\n    seed: 99\n", 1)
    )
    again = scene_of(folder.render())
    assert folder.tools.drawn == []
    assert (again.panel, again.prompt) == (first.panel, first.prompt)
    with pytest.raises(InputError, match="s002 is locked"):
        folder.redo(seed=1)


def test_a_locked_scene_is_never_renumbered():
    video, board = make_video(60.0), make_board()
    locked = replace(board.scenes[1], edit=replace(board.scenes[1].edit, lock=True))  # 20-40 s
    before = (board.scenes[0], locked, board.scenes[2])
    found = (make_scene(video, 1, 0, 30, (0, 1, 2)), make_scene(video, 2, 30, 60, (3, 4, 5)))
    carried = carry_over(before, found)
    assert [(scene.id, scene.start, scene.end) for scene in carried] == [
        ("s001", 0, 20),
        ("s002", 20, 40),
        ("s003", 40, 60),
    ]
    assert carried[1] == locked
    assert carried[0].captions == (0, 1) and carried[2].captions == (4, 5)
    assert [scene.id for scene in carry_over((locked,), (make_scene(video, 1, 0, 60),), ("s007",))] == [
        "s008",
        "s002",
        "s009",
    ]


def test_redoing_by_hand_changes_one_thing_and_keeps_the_rest(folder):
    before, first = folder.pictures(), read_storyboard(folder.path / "storyboard.json")
    base = scene_of(first).panel.candidates[scene_of(first).panel.chosen]
    board = folder.redo(prompt={"lighting": "night"})
    scene = scene_of(board)
    new = scene.panel.candidates[scene.panel.chosen]
    assert (new.kind, new.seed, "night" in new.settings["prompt"]) == ("redone", base.seed, True)
    assert scene.panel.candidates[:2] == scene_of(first).panel.candidates
    after = folder.pictures()
    assert {name: after[name] for name in before} == before and len(after) == len(before) + 1
    assert "    choose: 3\n" in (folder.path / EDITS_NAME).read_text()
    assert shown(scene_of(folder.render())) == new.image and folder.tools.drawn == []
    further = scene_of(folder.redo(prompt={"palette": "vivid palette"}))
    assert further.panel.candidates[-1].settings["prompt"].endswith("night, vivid palette, flat illustration")
    assert scene_of(folder.redo(seed=5, base=1)).panel.candidates[-1].seed == 5
    fresh = {scene_of(folder.redo()).panel.candidates[-1].seed for _ in range(2)}
    assert len(fresh) == 2 and not fresh & {base.seed, 5}


def test_vary_photo_and_mask_come_to_the_request(folder, tmp_path):
    Image.effect_noise((160, 90), 90).convert("RGB").save(tmp_path / "sea.png")
    Image.new("L", (16, 9), 255).save(tmp_path / "mask.png")
    varied = scene_of(folder.redo(base=1, vary=True, amount=0.2)).panel.candidates[-1]
    base = scene_of(read_storyboard(folder.path / "storyboard.json")).panel.candidates[0]
    assert varied.seed == base.seed and varied.settings["amount"] == 0.2 and varied.settings["other_seed"] > 0
    photo = scene_of(folder.redo(photo=str(tmp_path / "sea.png"))).panel.candidates[-1].settings
    assert (
        photo["strength"] == 0.6 and photo["image"].startswith("inputs/") and (folder.path / photo["image"]).is_file()
    )
    masked = scene_of(folder.redo(base=1, mask=str(tmp_path / "mask.png"))).panel.candidates[-1]
    assert masked.settings["image"] == base.image and masked.settings["mask"].startswith("inputs/")
    assert masked.seed != base.seed
    with pytest.raises(InputError, match="s002 has no picture 99: it has 1, 2, 3"):
        folder.redo(base=99)


def test_undo_takes_back_step_by_step_and_loses_no_picture(folder):
    first, text = read_storyboard(folder.path / "storyboard.json"), (folder.path / EDITS_NAME).read_text()
    folder.edit("lighting: night")
    edited = folder.render(), (folder.path / EDITS_NAME).read_text()
    folder.redo(scene="s003", seed=4)
    everything = folder.pictures()
    board, told = folder.undo()
    assert told == "s003 (another picture)"
    assert (folder.path / EDITS_NAME).read_text() == edited[1]
    assert shown(scene_of(board, "s003")) == shown(scene_of(first, "s003"))
    board, told = folder.undo()
    assert told == "s002 (lighting, another picture)"
    assert (folder.path / EDITS_NAME).read_text() == text
    assert [(shown(scene), scene.prompt) for scene in board.scenes] == [(shown(s), s.prompt) for s in first.scenes]
    assert folder.pictures() == everything
    assert len(scene_of(board).panel.candidates) == 4
    with pytest.raises(InputError, match="nothing to undo"):
        folder.undo()
    folder.render()
    assert folder.tools.drawn == []


def test_edits_not_applied_yet_are_the_last_change(folder):
    text = (folder.path / EDITS_NAME).read_text()
    folder.edit("lighting: night")
    mine = (folder.path / EDITS_NAME).read_text()
    assert "not applied yet" in folder.undo()[1]
    assert (folder.path / EDITS_NAME).read_text() == text
    assert (folder.path / ".history" / "undone.yaml").read_text() == mine
    assert list_entries(folder.path) == [1]


def test_bad_edits_change_nothing(folder):
    folder.edit("lighting: neon", "hue: 3")
    files = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"s002.lighting: got 'neon'.*s002.hue: unknown field"):
        folder.render()
    assert {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()} == files


def test_a_picture_says_all_that_it_takes_to_draw_it_again(folder):
    board = read_storyboard(folder.path / "storyboard.json")
    scene = scene_of(board)
    path = folder.path / shown(scene)
    found = read_provenance(path)
    assert found.labelled and found.untouched
    wanted = "prompt negative seed model sampler correction steps guidance source captions digest scene".split()
    assert {*wanted, "model digest"} <= found.notes.keys()
    assert "whale" in found.notes["captions"] and scene.keyframe in found.notes["source"]
    pixels, most = draw_again(found, folder.tools.draw)
    assert most == 0 and np.array_equal(pixels, read_picture(path))
    assert list(list_differences(found, found.manifest["facts"])) == []
    told = list(list_differences(found, {"processor": "another", "weights": "cd" * 32}))
    assert told == [f"the model's weights: unknown then, {'cd' * 8} now", "the processor: unknown then, another now"]


def test_a_picture_from_a_photo_is_drawn_again_from_its_copy_or_says_what_is_missing(folder, tmp_path):
    photo = tmp_path / "sea.png"
    Image.effect_noise((160, 90), 90).convert("RGB").save(photo)
    candidate = scene_of(folder.redo(photo=str(photo))).panel.candidates[-1]
    photo.unlink()
    found = read_provenance(folder.path / candidate.image)
    copy = Path(read_request(found).image)
    assert copy.parent == folder.path / "inputs"
    copy.write_bytes(b"other")
    with pytest.raises(InputError, match="its image inputs/.* has been changed since"):
        read_request(found)
    copy.unlink()
    with pytest.raises(InputError, match="its image inputs/.* is not in"):
        read_request(found)


def test_pictures_of_others_and_changed_ones_are_told(folder, tmp_path):
    path = folder.path / shown(scene_of(read_storyboard(folder.path / "storyboard.json")))
    notes = read_notes(path)
    Image.open(path).save(tmp_path / "bare.png")
    with pytest.raises(InputError, match="does not say how it was made"):
        read_provenance(tmp_path / "bare.png")
    write_picture(
        tmp_path / "retouched.png", 255 - read_picture(path), {k: v for k, v in notes.items() if k != XMP_KEY}
    )
    assert read_provenance(tmp_path / "retouched.png").untouched is False
    with pytest.raises(InputError, match="cannot be read as a picture"):
        read_provenance(Path(__file__))
