"""The storyboard's text: round trips, its schema, and errors that name the field."""

import json
from dataclasses import fields, replace

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from tasks.records import Scene, Shot
from tasks.storyboard import (
    SCHEMA_PATH,
    digest_of,
    format_storyboard,
    from_plain,
    parse_storyboard,
    read_storyboard,
    storyboard_schema,
    to_plain,
)
from tests.tasks.boards import boards, make_board, shots


@given(boards)
@settings(max_examples=60, deadline=None)
def test_text_round_trip(board):
    text = format_storyboard(board)
    assert parse_storyboard(text) == board
    jsonschema.validate(json.loads(text), json.loads(SCHEMA_PATH.read_text("utf-8")))


@given(st.lists(shots, max_size=3).map(tuple))
def test_any_record_round_trips(found):
    assert from_plain(tuple[Shot, ...], to_plain(found), "shots") == found


def test_schema_file_is_made_from_the_records():
    """Where this fails: write `storyboard_schema()` to the file again."""
    assert json.loads(SCHEMA_PATH.read_text("utf-8")) == storyboard_schema()
    described = storyboard_schema()["$defs"]["Scene"]["properties"]
    assert set(described) == {field.name for field in fields(Scene)}
    assert described["id"]["description"].startswith("stable")


def test_placement_is_in_and_out():
    text = format_storyboard(make_board())
    assert '"placement": null' in text
    schema = storyboard_schema()["$defs"]["Placement"]
    assert set(schema["properties"]) == {"in", "out", "in_frame", "out_frame"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("scenes", 1, "start"), "soon", "scenes[1].start: expected number, got 'soon'"),
        (("scenes", 0, "colour"), 1, "unknown field scenes[0].colour"),
        (("scenes", 0, "panel", "chosen"), True, "scenes[0].panel.chosen: expected integer"),
        (("video", "frame_rate"), "25/0", 'video.frame_rate: expected a rate such as "30000/1001"'),
        (("captions",), [], "captions: expected object"),
        (("version",), 99, "version 99"),
        (("scenes",), None, "scenes: expected array"),
    ],
)
def test_errors_name_field_and_value(path, value, message):
    data = json.loads(format_storyboard(make_board()))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(InputError) as error:
        parse_storyboard(json.dumps(data))
    assert message in str(error.value)
    if path != ("video", "frame_rate"):  # a pattern cannot say "not zero"
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(data, storyboard_schema())


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"version": 1}', '{"version": NaN}', "[" * 100_000])
def test_broken_text_is_one_clear_error(text):
    with pytest.raises(InputError):
        parse_storyboard(text)


def test_missing_field_is_named():
    data = json.loads(format_storyboard(make_board()))
    del data["scenes"][2]["end_frame"]
    with pytest.raises(InputError, match=r"scenes\[2\]\.end_frame is missing"):
        parse_storyboard(json.dumps(data))


def test_read_names_the_file(tmp_path):
    path = tmp_path / "storyboard.json"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="storyboard.json"):
        read_storyboard(path)


def test_digest_depends_on_every_part_and_on_nothing_else():
    board = make_board()
    assert digest_of(board.scenes[0], 1) == digest_of(replace(board.scenes[0]), 1)
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert digest_of(board.scenes[0]) != digest_of(replace(board.scenes[0], end_frame=1))
