"""Every format read back: the same edit comes out of each, whatever the rate, the labels and the texts."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings

from tasks.timeline.edit import Timeline, one_line
from tasks.timeline.edl import format_edl, format_markers
from tasks.timeline.fcpxml import format_fcpxml
from tasks.timeline.otio import format_otio
from tasks.timeline.table import format_table
from tasks.timeline.timecode import show_rate
from tasks.timeline.xmeml import format_xmeml
from tests.tasks.timeline.edits import COUNTS, long_board, make_timeline, timelines
from tests.tasks.timeline.readers import (
    Item,
    Reading,
    count_labels,
    read_edl,
    read_fcpxml,
    read_markers,
    read_otio,
    read_table,
    read_xmeml,
)

#: Formats that keep all of the edit -> (writer, reader).
WHOLE: dict[str, tuple[Callable, Callable]] = {
    "otio": (format_otio, read_otio),
    "xmeml": (format_xmeml, read_xmeml),
    "fcpxml": (format_fcpxml, read_fcpxml),
}
#: (rate, drop-frame) -> the label, by hand; without drop-frame, labels fall behind the clock by 3.6 s an hour.
AFTER_TEN_HOURS = {
    ("23.976", False): "09:59:24:01", ("29.97", False): "09:59:24:01", ("59.94", False): "09:59:24:02",
    ("29.97", True): "10:00:00;01", ("59.94", True): "10:00:00;02",
}  # fmt: skip
any_edit = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def expect(timeline: Timeline) -> Reading:
    """What every reader should find."""

    def items(stills, enabled: bool) -> tuple[Item, ...]:
        return tuple(Item(s.name, s.place, (s.first, s.last), enabled) for s in stills)

    source = timeline.source
    return Reading(
        name=timeline.name, rate=timeline.rate, drop=timeline.drop, start=timeline.start, length=timeline.length,
        source=Item(source.name, source.place, (0, timeline.length)), source_start=source.start,
        stills=items(timeline.stills, True), spares=items(timeline.spares, False),
        marks=tuple(
            (m.name, "\n".join(filter(None, (m.gist, m.prompt, m.error))), (m.first, m.last)) for m in timeline.marks
        ),
    )  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
@given(timeline=timelines())
@any_edit
def test_what_is_written_is_read(name, timeline):
    write, read = WHOLE[name]
    found, wanted = read(write(timeline)), expect(timeline)
    if name == "fcpxml":  # its markers have a place and no length
        wanted = replace(wanted, marks=tuple((m, note, (span[0], -1)) for m, note, span in wanted.marks))
    assert replace(found, sound=0) == wanted
    channels = timeline.source.audio_channels
    assert found.sound == (channels if name == "xmeml" else min(channels, 1))


@given(timeline=timelines())
@any_edit
def test_the_decision_list_plays_the_same(timeline):
    found = read_edl(format_edl(timeline), timeline.rate, {timeline.source.name})
    assert (found.drop, found.start, found.length) == (timeline.drop, timeline.start, timeline.length)
    assert [(i.name, i.span) for i in found.stills] == [(s.name, (s.first, s.last)) for s in timeline.stills]
    assert found.source_start in (timeline.source.start, None)
    assert found.sound == min(timeline.source.audio_channels, 1)


@given(timeline=timelines())
@any_edit
def test_markers_and_table_say_the_same(timeline):
    marks = read_markers(format_markers(timeline), timeline.rate)
    assert [span for _, _, span in marks] == [
        (timeline.start + m.first, timeline.start + m.last) for m in timeline.marks
    ]
    assert [name for name, _, _ in marks] == [one_line(m.name.replace("|", "/")) for m in timeline.marks]
    rows = {(row["scene"], row["track"]): row for row in read_table(format_table(timeline))}
    for track, stills in (("V2", timeline.stills), ("V3", timeline.spares)):
        for still in stills:
            row = rows[still.scene, track]
            assert (int(row["frame"]), int(row["frames"])) == (still.first, still.last - still.first)
            assert count_labels(row["in"], timeline.rate) == timeline.start + still.first
            assert count_labels(row["out"], timeline.rate) == timeline.start + still.last
            assert (row["prompt"].removeprefix("'"), int(row["seed"])) == (still.prompt.removeprefix("'"), still.seed)
            assert not row["prompt"].startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize(("rate", "drop"), COUNTS)
def test_ten_hours_without_drift(rate: Fraction, drop: bool):
    """Every picture on its frame in every format; the last label counted by hand."""
    start = "00:00:00;00" if drop else "00:00:00:00"
    board = long_board(rate)
    timeline = make_timeline(board, start=start, runners_up=True)
    wanted = [(s.panel.placement.start_frame, s.panel.placement.end_frame) for s in board.scenes]
    assert len(wanted) == 101
    for write, read in WHOLE.values():
        found = read(write(timeline))
        assert [item.span for item in found.stills] == wanted == [item.span for item in found.spares]
        assert (found.start, found.length, found.rate, found.drop) == (0, round(36000 * rate), rate, drop)
    assert [i.span for i in read_edl(format_edl(timeline), rate, {"talk.mp4"}).stills] == wanted
    marks = read_markers(format_markers(timeline), rate)
    assert [span for *_, span in marks] == [(s.start_frame, s.end_frame) for s in board.scenes]
    # The true time of each frame against the time that was asked for: half a frame apart at the most.
    for k, (first, _) in enumerate(wanted):
        assert abs(float(first / rate) - (k + 0.5) * 353.7) <= 0.5 / rate + 1e-6
    assert timeline.label(timeline.length) == AFTER_TEN_HOURS.get((show_rate(rate), drop), "10:00:00:00")
