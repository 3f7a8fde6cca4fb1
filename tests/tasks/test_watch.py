"""The inbox by its rules, with clocks of the test's own: what is taken, when again, and what two watchers may do."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BusyError, InputError, SetupError
from models.profiles import load_profile
from tasks.desk import Options
from tasks.folder import hold_lock
from tasks.inbox import Arrival, Sighting, is_partial, list_arrivals, settle
from tasks.ledger import LEDGER_NAME, PLACE, WAITS, Entry, fail, forgive, is_due, read_ledger
from tasks.watch import Watch, go_round

SPAN = 10.0


@dataclass(frozen=True)
class Made:
    folder: str
    failed: tuple[str, ...] = ()


class House:
    """An inbox, an output folder, clocks, and a handler that makes a video's folder or does what it is told to."""

    def __init__(self, place: Path) -> None:
        self.root, self.out = place / "in", place / "out"
        self.root.mkdir()
        self.now, self.handled, self.said = 1000.0, [], []
        self.act: Callable[[str], tuple[str, ...]] = lambda video: ()

    def watch(self, **changes) -> Watch:
        watch = Watch(
            self.root, Options(out=str(self.out)), load_profile(), self.handle, SPAN, self.said.append,
            lambda: self.now, lambda: self.now,
        )  # fmt: skip
        return replace(watch, **changes)

    def handle(self, video: str) -> Made:
        self.handled.append(Path(video).name)
        failed = self.act(video)
        folder = self.out / Path(video).stem
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("storyboard.json", "run.json"):
            (folder / name).write_text("{}")
        return Made(str(folder), failed)

    def put(self, name: str, data: bytes = b"video") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def rounds(self, watch: Watch, *waits: float):
        """A round after each wait; the last one's result."""
        for wait in waits:
            self.now += wait
            found = go_round(watch)
        return found


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_only_what_has_stopped_growing_is_taken_and_once(house):
    watch, path = house.watch(), house.put("a/b/talk.mp4")
    assert house.rounds(watch, 0, SPAN - 1).growing == 1
    path.write_bytes(b"video, longer")
    assert house.rounds(watch, 1).growing == 1
    assert house.handled == []
    assert house.rounds(watch, SPAN).done == (str(path),)
    assert house.rounds(watch, SPAN).unchanged == 1
    assert house.rounds(house.watch(), 0, SPAN).unchanged == 1  # another process, later
    assert house.handled == ["talk.mp4"]


def test_same_size_and_another_time_is_still_growing(house):
    path = house.put("talk.mp4")
    watch = house.watch()
    for step in range(5):
        os.utime(path, ns=(step, step))
        house.rounds(watch, SPAN)
    assert house.handled == []


def test_captions_that_still_arrive_hold_the_video_up_and_later_ones_redo_it(house):
    watch = house.watch()
    house.put("talk.mp4")
    house.rounds(watch, 0, SPAN - 1)
    house.put("talk.en.vtt", b"WEBVTT")
    house.put("talker.vtt", b"another's")
    house.rounds(watch, 1)
    assert house.handled == []
    house.rounds(watch, SPAN)
    assert house.handled == ["talk.mp4"]
    house.put("talk.en.vtt", b"WEBVTT\n\nmore")
    house.rounds(watch, 0, SPAN)
    assert house.handled == ["talk.mp4"] * 2


@pytest.mark.parametrize(
    "name",
    [".talk.mp4", "~talk.mp4", "talk.mp4.part", "talk.mp4.crdownload", "talk.tmp", "talk.vtt", "notes.txt",
     ".hidden/talk.mp4", "talk"],
)  # fmt: skip
def test_hidden_partial_and_other_names_are_left_alone(house, name):
    house.put(name)
    assert list_arrivals(house.root) == ((), ())


def test_a_file_whose_partial_twin_lies_beside_it_or_that_is_empty_is_left_alone(house):
    house.put("firefox.mp4", b"x")
    house.put("firefox.mp4.PART")
    house.put("empty.mp4", b"")
    os.mkfifo(house.root / "pipe.mp4")
    (house.root / "folder.mp4").mkdir()
    assert list_arrivals(house.root) == ((), ())


def test_links_that_lead_outside_are_refused_and_told_once(house, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.mp4").write_bytes(b"s")
    (house.root / "link.mp4").symlink_to(outside / "secret.mp4")
    (house.root / "folder").symlink_to(outside)
    (house.root / "nowhere.mp4").symlink_to(house.root / "nowhere.mp4")
    watch = house.watch()
    found = house.rounds(watch, 0, SPAN, SPAN)
    assert house.handled == []
    assert len(found.refused) == 3
    assert len([text for text in house.said if "refused" in text]) == 3


def test_a_file_that_becomes_a_link_between_look_and_work_is_not_opened(house, tmp_path):
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"video")
    first, second = house.put("a.mp4"), house.put("b.mp4", b"other")

    def swap(video: str) -> tuple[str, ...]:
        second.unlink()
        second.symlink_to(secret)
        return ()

    house.act = swap
    house.rounds(house.watch(), 0, SPAN)
    assert house.handled == [first.name]


def test_the_output_folder_inside_the_inbox_is_left_out(house):
    house.out = house.root / "out"
    house.put("out/talk/preview.mp4")
    house.put("talk.mp4")
    house.rounds(house.watch(), 0, SPAN, SPAN)
    assert house.handled == ["talk.mp4"]


def test_hostile_names_are_handled_and_shown_harmless(house):
    raw = os.fsdecode(b"\xff\x1b[31m\nbad.mp4")
    house.put(raw)
    house.put("\u202e4pm.mp4", b"other")
    house.rounds(house.watch(), 0, SPAN)
    assert sorted(house.handled) == sorted([raw, "\u202e4pm.mp4"])
    assert all(text.isprintable() for text in house.said)
    assert len(read_ledger(house.out).entries) == 2


def test_a_failure_is_tried_again_on_schedule_then_set_aside_with_its_reason(house):
    house.put("talk.mp4")
    house.act = lambda video: (_ for _ in ()).throw(InputError("no video at all"))
    watch = house.watch()
    found = house.rounds(watch, 0, SPAN)
    assert (len(found.failed), found.aside) == (1, ())
    for wait in WAITS:
        count = len(house.handled)
        house.rounds(watch, wait - 1)
        assert len(house.handled) == count
        found = house.rounds(watch, 1)
        assert len(house.handled) == count + 1
    assert len(found.aside) == 1
    assert house.rounds(watch, 1e9).aside == found.aside
    assert len(house.handled) == 1 + len(WAITS)
    (entry,) = read_ledger(house.out).entries.values()
    assert (entry.state, entry.reason) == ("aside", "no video at all")
    assert forgive(house.out) == 1
    house.act = lambda video: ()
    assert len(house.rounds(watch, 1).done) == 1


def test_failed_scenes_are_a_failure_and_the_folder_stays_known(house):
    house.put("talk.mp4")
    house.act = lambda video: ("s002: draw: odd",)
    house.rounds(house.watch(), 0, SPAN)
    (entry,) = read_ledger(house.out).entries.values()
    assert (entry.state, entry.folder, entry.reason) == ("failed", "talk", "s002: draw: odd")


def test_changed_settings_redo_and_forget_the_failures(house):
    house.put("talk.mp4")
    watch = house.watch()
    house.rounds(watch, 0, SPAN)
    other = replace(watch, options=replace(watch.options, seed=7))
    assert len(house.rounds(other, 1).done) == 1
    assert house.rounds(other, 1).unchanged == 1


def test_a_changed_style_file_redoes_and_a_missing_one_is_told(house, tmp_path):
    style = tmp_path / "style.toml"
    style.write_text("a = 1")
    house.put("talk.mp4")
    watch = house.watch()
    watch = replace(watch, options=replace(watch.options, style_file=str(style)))
    assert len(house.rounds(watch, 0, SPAN).done) == 1
    assert house.rounds(watch, 1).unchanged == 1
    style.write_text("a = 2")
    assert len(house.rounds(watch, 1).done) == 1
    style.unlink()
    with pytest.raises(InputError, match="style.toml"):
        go_round(watch)


def test_a_folder_that_is_gone_is_made_again_and_a_copy_under_another_name_is_not(house):
    house.put("talk.mp4")
    house.put("copies/again.mp4")
    watch = house.watch()
    found = house.rounds(watch, 0, SPAN)
    assert (len(found.done), found.unchanged) == (1, 1)
    for path in house.out.glob("*/run.json"):
        path.unlink()
    house.rounds(watch, 1)
    assert len(house.handled) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SetupError("no weights"), BusyError("in use"),
                                   OSError(errno.ENOSPC, "No space left on device")])  # fmt: skip
def test_what_is_no_fault_of_the_file_counts_as_no_try(house, error):
    house.put("talk.mp4")
    house.act = lambda video: (_ for _ in ()).throw(error)
    watch = house.watch()
    house.rounds(watch, 0)
    house.now += SPAN
    if isinstance(error, KeyboardInterrupt | SetupError):
        with pytest.raises(type(error)):
            go_round(watch)
    else:
        found = go_round(watch)
        assert (found.paused != "") == isinstance(error, OSError)
    assert read_ledger(house.out).entries == {}


def test_a_try_that_kills_the_process_has_been_counted(house):
    house.put("talk.mp4")
    seen = []
    house.act = lambda video: seen.append(read_ledger(house.out).entries) or ()
    house.rounds(house.watch(), 0, SPAN)
    ((entry,),) = [list(entries.values()) for entries in seen]
    assert (entry.state, entry.tries) == ("failed", 1)


def test_an_input_that_vanishes_or_changes_at_work_is_no_failure(house):
    path = house.put("talk.mp4")

    def vanish(video: str) -> tuple[str, ...]:
        path.unlink()
        raise InputError("gone")

    house.act = vanish
    watch = house.watch()
    assert house.rounds(watch, 0, SPAN).waiting == 1
    assert house.rounds(watch, SPAN).waiting == 0
    ledger = read_ledger(house.out)
    assert (ledger.entries, ledger.digests) == ({}, {})


def test_two_watchers_never_do_the_same_video(house):
    house.put("talk.mp4")
    first, second = house.watch(), house.watch()
    found = []
    house.act = lambda video: found.append(go_round(second)) or ()
    house.rounds(first, 0)
    house.rounds(second, 0)
    house.rounds(first, SPAN)
    assert house.handled == ["talk.mp4"]
    assert found[0].waiting == 1
    assert house.rounds(second, 1).unchanged == 1
    assert not list((house.out / PLACE).glob("*[0-9a-f].lock"))


def test_a_claim_that_is_held_is_waited_for(house):
    house.put("talk.mp4")
    watch = house.watch()
    house.rounds(watch, 0, SPAN)
    (digest,) = read_ledger(house.out).entries
    for path in house.out.glob("talk/*"):
        path.unlink()
    with hold_lock(house.out / PLACE / f"{digest[:32]}.lock"):
        assert house.rounds(watch, 1).waiting == 1
    assert len(house.rounds(watch, 1).done) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"entries": {"a": 3}}', '{"entries": {"a": {"state": "done"}}}',
                                  '{"entries": {}, "digests": {"a": 3}}', "[" * 100_000])  # fmt: skip
def test_a_spoilt_ledger_is_an_empty_one(house, text):
    house.put("talk.mp4")
    place = house.out / PLACE / LEDGER_NAME
    place.parent.mkdir(parents=True)
    place.write_text(text)
    assert len(house.rounds(house.watch(), 0, SPAN).done) == 1
    assert len(json.loads(place.read_text())["entries"]) == 1


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12), st.floats(0.1, 30))
def test_a_file_is_never_taken_before_it_was_steady_for_the_whole_span(times, span):
    """Whatever the clock does, forwards or back."""
    arrival, sightings = Arrival("/in/a.mp4", 1, 1), {}
    for index, now in enumerate(times):
        steady, sightings = settle((arrival,), sightings, now, span)
        run = [now]
        for earlier in reversed(times[:index]):
            if earlier > run[-1]:
                break
            run.append(earlier)
        assert (steady != ()) == (now - run[-1] >= span)


@given(st.floats(0, 2e9), st.floats(-2e9, 2e9), st.integers(1, 9))
def test_no_jump_of_the_clock_makes_a_wait_longer_than_the_schedule(now, jump, failures):
    entry: Entry | None = None
    for _ in range(failures):
        entry = fail(entry, "k", "v", "r", now)
    assert entry is not None
    assert (entry.state == "aside") == (failures > len(WAITS))
    later = now + jump
    if entry.state == "failed":
        assert is_due(entry, "k", Path("/nowhere"), later) == ((jump < 0 and later < now) or later >= entry.after)
    assert is_due(entry, "other", Path("/nowhere"), later)


@given(st.text(min_size=1, max_size=20))
def test_no_name_upsets_the_rule_of_partial_names(name):
    assert is_partial("." + name, frozenset())
    assert is_partial(name + ".part", frozenset())
    assert is_partial(name, frozenset({name.lower() + ".part"}))


def test_a_sighting_is_of_one_state_only():
    first, second = Arrival("/a", 1, 1), Arrival("/a", 2, 1)
    _, seen = settle((second,), {"/a": Sighting(first, 0, 0)}, 50, SPAN)
    assert seen["/a"].since == 50
