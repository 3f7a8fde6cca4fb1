"""`storyboard.yaml`: bad input told by line and field, edits over the board, values set and all else left."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from ruamel.yaml import YAML

from models.errors import InputError
from tasks.edit_file import add_scenes, format_head, format_scalar, set_fields, write_edits
from tasks.edits import EDITS_NAME, apply_edits, parse_edits, read_edits, read_seconds
from tasks.marks import check_marks, merge_marks
from tasks.records import Cue, Edit, Storyboard
from tests.tasks.boards import make_board

BOARD = make_board()  # s001 0-20 s, s002 20-40 s, s003 40-60 s


def as_written(board: Storyboard = BOARD) -> str:
    return add_scenes(format_head(board), board)


def with_entry(entry: str, name: str = "s002") -> str:
    """A short file in which one scene has the lines of `entry`."""
    lines = "".join(f"    {line}\n" for line in entry.splitlines())
    return f"version: 1\nscenes:\n  s001:\n    do: keep\n  {name}:\n{lines}"


def read(tmp_path, text: str, board: Storyboard = BOARD) -> dict[str, Edit]:
    (tmp_path / EDITS_NAME).write_text(text, "utf-8")
    return read_edits(tmp_path, board, strict=True).scenes


def test_the_file_as_written_asks_for_nothing(tmp_path):
    edits = read(tmp_path, as_written())
    assert edits == {"s001": Edit(), "s002": Edit(), "s003": Edit()}
    assert apply_edits(BOARD, edits) == BOARD


def test_every_line_that_is_offered_can_be_used_by_removing_its_mark(tmp_path):
    text = as_written()
    offered = [line for line in text.splitlines() if line.startswith("    # ") and not line.endswith(":")]
    assert len(offered) == 3  # the test's prompts have nothing but a subject
    edits = read(tmp_path, text.replace("    # subject", "    subject"))
    assert [edit.prompt for edit in edits.values()] == [{"subject": s} for s in ("rocket", "whale", "clock")]
    assert apply_edits(BOARD, edits).scenes[1].prompt.full == "whale"


def test_all_that_can_be_asked_for(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "me.png")
    entry = (
        "do: redo 3\nlock: true\nchoose: 2\nseed: 7\nin: 0:22.5\nout: 27\nstart: 0:21\nend: 38.5\n"
        "palette: vivid\nsetting: a meadow\nsketch: me.png\nphoto: me.png\nstrength: 0.4"
    )
    edit = read(tmp_path, with_entry(entry))["s002"]
    prompt = {"palette": "vivid palette", "setting": "a meadow"}
    assert edit == Edit(3, False, True, 2, "", prompt, 7, 21.0, 38.5, 22.5, 27.0, "me.png", "me.png", 0.4)
    assert read(tmp_path, with_entry("do: drop"))["s002"] == Edit(drop=True)
    assert read(tmp_path, with_entry("picture: me.png"))["s002"] == Edit(picture="me.png")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("palete: vivid", "line 6: s002.palete: unknown field, allowed are do, choose, picture"),
        ("palette: neon", "line 6: s002.palette: got 'neon', allowed are balanced palette, pastel palette"),
        ("do: again", "line 6: s002.do: got 'again', allowed are keep, redo, redo 2"),
        ("do: redo 0", "s002.do: got 'redo 0'"),
        ("lock: 1", "line 6: s002.lock: got 1, allowed are true and false"),
        ("do: keep\nseed: -1", "line 7: s002.seed: got -1, allowed are whole numbers from 0 to"),
        ("seed: 1.5", "s002.seed: got 1.5, allowed are whole numbers"),
        ("seed: true", "s002.seed: got True"),
        ("choose: 9", "line 6: s002.choose: got 9, allowed are 1, 2 and best"),
        ("choose: [1]", "s002.choose: got [1], allowed are whole numbers from 1 to 1000000 or best"),
        ("subject: ''", "s002.subject: got '', allowed is a text"),
        ("subject: {a: b}", "s002.subject: got {'a': 'b'}, allowed is a text"),
        ('subject: "a\\u202Eb"', "s002.subject: got 'a\\u202eb', allowed is a text of up to 500"),
        ("in: soon", "s002.in: got 'soon', allowed are seconds (12.5) or a clock's time (0:12.5)"),
        ("in: 61", "line 6: s002.in: got 61, allowed are times up to the video's end at 60 s"),
        ("in: 30\nout: 25", "line 6: s002.in: from 30 to 25 s, but out has to be the later one"),
        ("start: 10", "line 6: s002.start: scenes overlap: s001 from 0 to 20 s, s002 from 10 to 40 s"),
        ("end: 45", "s002.end: scenes overlap: s002 from 20 to 45 s, s003 from 40 to 60 s"),
        ("picture: absent.png", "line 6: s002.picture: there is no file 'absent.png', allowed is one in"),
        ("sketch: 7", "s002.sketch: got 7, allowed is the path of a PNG, JPEG or WebP file"),
        ("strength: 0.5", "s002.strength: it needs a sketch or a photo beside it"),
        ("strength: 2", "s002.strength: got 2, allowed are numbers from 0 to 1"),
        ("do: keep\ndo: drop", 'line 7: found duplicate key "do"'),
        ("do: [", "line 7: "),
        ("- keep", "line 5: s002 must hold fields such as `do: keep`"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_field_with_what_is_allowed(tmp_path, entry, said):
    with pytest.raises(InputError) as caught:
        read(tmp_path, with_entry(entry))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 2\nscenes:\n", "line 1: version: got 2, this program reads 1"),
        ("scenes:\n", "line 1: version: got None"),
        ("version: 1\nvideo: ffff\n", "line 2: video: got 'ffff', this folder's video has 'abab"),
        ("version: 1\nscene:\n", "line 2: unknown field 'scene', allowed are version, video, scenes"),
        ("version: 1\nscenes:\n  s009:\n", "line 3: s009: there is no such scene, allowed are s001, s002, s003"),
        ("version: 1\nscenes:\n  s001:\n  s001:\n", 'line 4: found duplicate key "s001"'),
        ("version: 1\nscenes: [s001]\n", "line 2: scenes must be entries"),
        ("- a\n", "expected version, video, scenes"),
        ("version: 1\nscenes:\n  s001: {in: 1, out: 6}\n  s002: {in: 5, out: 9}\n", "pictures overlap: s001"),
        ("version: 1\n\tscenes:\n", "line 2: "),
        ("version: !!python/object:os.system 1\n", "line 1: version: got"),
        ("version: 1\nscenes: \x00\n", "is not YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_whole(tmp_path, text, said):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert said.replace("'abab", "ababababab") in str(caught.value)


def test_several_faults_are_told_at_once(tmp_path):
    with pytest.raises(InputError) as caught:
        read(tmp_path, with_entry("seed: x\nlock: maybe\nhue: red"))
    said = str(caught.value)
    assert [f"line {number}: s002." in said for number in (6, 7, 8)] == [True] * 3
    assert said.endswith("nothing was changed")


def test_text_in_another_encoding_is_named_by_its_line(tmp_path):
    (tmp_path / EDITS_NAME).write_bytes(b"version: 1\nscenes:\n  s001:\n    subject: caf\xe9\n")
    with pytest.raises(InputError, match="line 4: not UTF-8"):
        read_edits(tmp_path, BOARD, strict=True)


def test_any_words_go_with_a_model_that_takes_any(tmp_path):
    text = with_entry("palette: neon\nlens: 85mm")
    assert parse_edits(text, BOARD, strict=False).scenes["s002"].prompt == {"palette": "neon", "lens": "85mm"}


def test_an_entry_for_a_scene_that_is_no_more_is_no_fault(tmp_path):
    gone = replace(BOARD, versions={"gone": ["s009"]})
    assert "s009" in read(tmp_path, with_entry("do: drop", "s009"), gone)


def test_edits_change_prompt_and_span_and_taking_them_out_brings_both_back():
    board = replace(BOARD, captions=replace(BOARD.captions, cues=(*BOARD.captions.cues, Cue(6, 18, 19, "So."))))
    before = replace(board, scenes=(replace(board.scenes[0], captions=(0, 1, 6)), *board.scenes[1:]))
    edits = {"s001": Edit(end=17.0), "s002": Edit(prompt={"lighting": "night"}, start=18.0)}
    changed = apply_edits(before, edits)
    assert changed.scenes[0].captions == (0, 1) and changed.scenes[1].captions == (2, 3, 6)
    assert (changed.scenes[0].end, changed.scenes[0].end_frame, changed.scenes[1].start_frame) == (17.0, 425, 450)
    assert changed.scenes[1].prompt.full == "whale, night"
    assert changed.scenes[2] == before.scenes[2]
    assert apply_edits(changed, edits) == changed
    back = apply_edits(changed, {})
    assert [(s.start, s.end, s.start_frame, s.end_frame) for s in back.scenes] == [
        (s.start, s.end, s.start_frame, s.end_frame) for s in before.scenes
    ]
    assert [scene.prompt for scene in back.scenes] == [scene.prompt for scene in before.scenes]


def test_a_locked_scene_keeps_its_prompt():
    edits = {"s001": Edit(lock=True, prompt={"lighting": "night"})}
    assert apply_edits(BOARD, edits).scenes[0].prompt == BOARD.scenes[0].prompt


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(12, 12.0), (12.5, 12.5), ("0:12.5", 12.5), ("1:02:03", 3723.0), ("10:00", 600.0)]
    + [(bad, None) for bad in ("x", "1:2:3:4", -1, True, float("nan"), None, "12")],
)
def test_times(value, seconds):
    assert read_seconds(value) == seconds


# --- the text ------------------------------------------------------------------------------------------------------

MINE = """# my own words
version: 1

scenes:
    s001: {do: keep}   # short
    s002:   # about the whale
        # ask Ana about this one
        do: keep    # for now
        palette:
    s003:
# the end
"""


@pytest.mark.parametrize(
    ("scene", "fields", "lines"),
    [
        ("s001", {"choose": 2}, {"    s001: {choose: 2, do: keep}   # short"}),
        ("s001", {"do": "drop"}, {"    s001: {do: drop}   # short"}),
        ("s002", {"do": "redo 2"}, {"        do: redo 2    # for now"}),
        ("s002", {"palette": "night"}, {"        palette: night"}),
        ("s002", {"choose": 3}, {"        choose: 3"}),
        ("s003", {"lock": True, "do": "redo"}, {"      lock: true", "      do: redo"}),
    ],
)
def test_a_value_is_set_and_nothing_else_is_touched(scene, fields, lines):
    changed = set_fields(MINE, scene, fields)
    assert set(changed.splitlines()) - set(MINE.splitlines()) == lines
    assert len(set(MINE.splitlines()) - set(changed.splitlines())) <= 1
    assert parse_edits(changed, BOARD, strict=False).scenes.keys() == {"s001", "s002", "s003"}


@given(
    st.sampled_from(["s001", "s002", "s003"]), st.integers(1, 9), st.sampled_from(["keep", "drop", "redo", "redo 7"])
)
def test_what_is_set_is_read_back(scene, choose, do):
    for text in (MINE, as_written()):
        edits = parse_edits(set_fields(text, scene, {"choose": choose, "do": do}), BOARD, strict=False).scenes
        assert edits[scene].choose == choose
        assert edits[scene].drop == (do == "drop")
        others = {name: edit for name, edit in edits.items() if name != scene}
        assert all(edit == Edit() for edit in others.values())


def test_new_scenes_are_added_at_the_end_and_the_rest_stays_to_the_letter(tmp_path):
    write_edits(tmp_path, replace(BOARD, scenes=BOARD.scenes[:2]))
    path = tmp_path / EDITS_NAME
    mine = path.read_text().replace("    do: keep\n", "    do: drop  # no!\n", 1)
    path.write_text(mine)
    write_edits(tmp_path, BOARD)
    assert path.read_text().startswith(mine.rstrip())
    assert parse_edits(path.read_text(), BOARD, strict=True).scenes["s003"] == Edit()
    once = path.read_bytes()
    write_edits(tmp_path, BOARD)
    assert path.read_bytes() == once


@pytest.mark.parametrize("text", ["version: 1\nscenes:\n", "version: 1\nscenes:\n    s001:\nvideo: abab\n"])
def test_scenes_are_added_wherever_the_list_is(text):
    assert parse_edits(add_scenes(text, BOARD), BOARD, strict=True).scenes.keys() == {"s001", "s002", "s003"}


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_written_so_that_yaml_reads_it_back(text):
    printable = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    assert (YAML(typ="safe").load(f"a: {format_scalar(text)}")["a"] or "") == printable


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=60))
def test_what_is_said_in_the_video_never_becomes_more_than_a_comment(said):
    cues = tuple(replace(cue, text=said) for cue in BOARD.captions.cues)
    board = replace(BOARD, captions=replace(BOARD.captions, cues=cues), video=replace(BOARD.video, path=f"/v/{said}x"))
    assert parse_edits(as_written(board), board, strict=True).scenes == dict.fromkeys(("s001", "s002", "s003"), Edit())


# --- marks of the gallery ------------------------------------------------------------------------------------------


def test_marks_become_lines_of_the_file():
    marks = {"s001": {"choose": 2}, "s002": {"redo": True}, "s003": {"drop": True}}
    assert check_marks({"video_digest": BOARD.video.digest, "scenes": marks}, BOARD, "x") == marks
    once = merge_marks(as_written(), BOARD, marks, strict=True)
    assert list(parse_edits(once, BOARD, True).scenes.values()) == [Edit(choose=2), Edit(redo=1), Edit(drop=True)]
    again = merge_marks(once, BOARD, {"s002": {"redo": True}, "s003": {"keep": True}}, strict=True)
    assert list(parse_edits(again, BOARD, True).scenes.values()) == [Edit(choose=2), Edit(redo=2), Edit()]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "expected video_digest and scenes"),
        ({"video_digest": "cd", "scenes": {}}, "they belong to another video"),
        ({"scenes": {"s009": {}}}, "scenes.s009: there is no such scene, allowed are s001"),
        ({"scenes": {"s001": 3}}, "scenes.s001: got 3, allowed are marks"),
        ({"scenes": {"s001": {"pick": 1}}}, "scenes.s001.pick: unknown mark, allowed are choose, redo, drop, keep"),
        ({"scenes": {"s001": {"choose": "1"}}}, "scenes.s001.choose: got '1', allowed are versions"),
        ({"scenes": {"s001": {"choose": 0}}}, "choose: got 0"),
        ({"scenes": {"s001": {"redo": 1}}}, "redo: got 1, allowed are true and false"),
    ],
)
def test_wrong_marks_are_named(data, said):
    whole = {"video_digest": BOARD.video.digest, **data} if isinstance(data, dict) else data
    with pytest.raises(InputError, match=f".*{said}"):
        check_marks(whole, BOARD, "marks.json")


def test_a_locked_scene_is_not_redone_by_a_mark():
    text = set_fields(as_written(), "s001", {"lock": True})
    with pytest.raises(InputError, match="s001 is locked"):
        merge_marks(text, BOARD, {"s001": {"redo": True}}, strict=True)
