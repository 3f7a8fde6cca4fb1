"""What the sizes of packets tell without decoding: where a film is quiet, and which of its pictures need a look.

A picture that changes costs an encoder bits. Where no packet stands out from its kind, no picture changed at once.
Packets that stand out are looked at with what is around them; groups of pictures whose packets are large throughout,
and those too long to vouch for, are looked at whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

STANDS_OUT = 4.0  # times the usual size of its kind: a cut inside a group of pictures costs 5 to 30 times
SPIKE = 2.5  # the same, of one packet alone among smaller ones of its kind: noise makes them all large
ALONE = 2.0  # times the packets of its kind beside it
WARMING_UP = 6  # packets after a key frame, among which large ones are nothing special
LIVELY = 2.0  # times the usual size, of packets that belong to what a packet that stands out began
LEAST_SHARE = 0.08  # of a key frame's size: less does not change a picture
TOO_BUSY = 0.3  # of a key frame's size: where packets usually are so large, a cut does not stand out
NEW_PICTURE = 0.3  # of a key frame's size: what turning into that picture costs at least, in whatever way
AROUND = 125  # packets on either side that tell what is usual
LATER_CODECS = ("vp8", "vp9", "av1")  # whose packets hide pictures for later: every so many are large
# For these the large ones are the measure, and what stands out does so less.
LARGE_QUANTILE, STANDS_OUT_LATER, TOO_BUSY_LATER = 0.97, 1.6, 0.4
LONGEST_BLIND = 12.0  # s between key frames that packet sizes may vouch for; encoders usually stay under 10
BEFORE, AFTER = 1.6, 0.8  # s looked at beside lively packets: a fade to black costs nothing until it is over
KEY_EVERY = 5.0  # s; of key frames that come by the encoder's clock no more are looked at

Span = tuple[int, int]  # ticks, both ends included


@dataclass(frozen=True)
class Packets:
    """What the container tells of the picture track, in the order of the file."""

    stamps: np.ndarray  # (n,) int64 ticks of showing
    sizes: np.ndarray  # (n,) int64 bytes
    keys: np.ndarray  # (n,) bool
    ahead: np.ndarray  # (n,) bool, whether it is shown after all before it; B pictures are not
    usual: np.ndarray  # (n,) bytes, the usual size of its kind around it; infinite for key frames
    tick: Fraction  # s
    start: float  # s, the container's own start
    later: bool  # the codec is one of LATER_CODECS

    def seconds(self, stamp: int) -> float:
        """Time on screen from the container's start."""
        return float(stamp * self.tick) - self.start

    def stamp(self, seconds: float) -> int:
        """The inverse of `seconds`."""
        return round((seconds + self.start) / float(self.tick))

    def ticks(self, seconds: float) -> int:
        """A length of time in ticks."""
        return round(seconds / float(self.tick))


@dataclass(frozen=True)
class Run:
    """Packets to decode in one go, beginning with a key frame, and which of its pictures to give."""

    first: int  # packet
    last: int  # packet after the last one
    spans: tuple[Span, ...]  # of the pictures to give, in order; what nothing depends on between them is left out


@dataclass(frozen=True)
class Group:
    """A key frame and what is shown from it to the next one."""

    key: int  # packet
    members: np.ndarray  # (m,) packets, without the key frame
    begin: int  # ticks of the key frame
    end: int  # ticks of the next key frame, else of the last picture
    key_size: int  # bytes, of the smaller one of the two key frames
    early: bool  # it does not begin when the encoder's clock asks for a key frame: there may be a cut
    clocked: bool  # there is such a clock; without one a key frame proves nothing


def make_packets(table: np.ndarray, keys: np.ndarray, tick: Fraction, start: float, codec: str) -> Packets:
    """From the table (n, 2) of time stamps and sizes, and which of them are key frames."""
    stamps, sizes = table.T
    ahead = stamps == np.maximum.accumulate(stamps)
    later = codec in LATER_CODECS
    return Packets(stamps, sizes, keys, ahead, usual_sizes(sizes, keys, ahead, later), tick, start, later)


def usual_sizes(sizes: np.ndarray, keys: np.ndarray, ahead: np.ndarray, later: bool) -> np.ndarray:
    """(n,) the usual size of each packet's kind around it: those that come in order, and those moved forward.

    Key frames are no kind of their own and get infinity.
    """
    usual = np.full(len(sizes), np.inf)
    for kind in (ahead & ~keys, ~ahead & ~keys):
        if where := np.flatnonzero(kind).tolist():
            usual[where] = _moving_quantile(sizes[where], AROUND, LARGE_QUANTILE if later else 0.5)
    return usual


def _moving_quantile(values: np.ndarray, reach: int, quantile: float) -> np.ndarray:
    """Quantile of the values up to `reach` before and behind, read at every tenth and held between."""
    places = np.arange(0, len(values), 10)
    read = [np.quantile(values[max(0, p - reach) : p + reach + 1], quantile) for p in places]
    return np.maximum(np.interp(np.arange(len(values)), places, read), 1.0)


def find_groups(packets: Packets) -> list[Group]:
    """The groups of pictures in the order in which they are shown."""
    keys = np.flatnonzero(packets.keys)
    keys = keys[np.argsort(packets.stamps[keys])]
    starts = packets.stamps[keys]
    number = np.searchsorted(starts, packets.stamps, side="right") - 1  # of the group that each packet is shown in
    number[packets.keys] = -1
    order = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[order], np.arange(len(keys) + 1))
    ends = np.append(starts[1:], packets.stamps.max())
    sizes = packets.sizes[keys]
    clock = _find_clock(starts)
    early = _came_early(starts, clock)
    return [
        Group(
            key=int(key),
            members=order[bounds[g] : bounds[g + 1]],
            begin=int(starts[g]),
            end=int(ends[g]),
            key_size=int(sizes[g : g + 2].min()),
            early=bool(early[g]),
            clocked=bool(np.isfinite(clock)),
        )
        for g, key in enumerate(keys)
    ]


def _find_clock(starts: np.ndarray) -> float:
    """Ticks between the key frames that an encoder sets whatever is shown; inf where no distance comes twice."""
    lengths, counts = np.unique(np.diff(starts), return_counts=True)
    often = lengths[counts >= 2]
    return float(often.max()) if len(often) else np.inf


def _came_early(starts: np.ndarray, clock: float) -> np.ndarray:
    """(n,) bool: key frames that the encoder's clock did not ask for; all of them where there is no such clock."""
    gaps = np.diff(starts)
    return np.append([False], np.abs(gaps - clock) > 0.02 * clock if np.isfinite(clock) else np.ones(len(gaps), bool))


def choose_glimpses(packets: Packets, groups: Sequence[Group]) -> list[Span]:
    """Pictures worth a look in any case, as spans: key frames that came early and those right before them, of the
    others one every so many seconds, and the last picture of all."""
    chosen: list[Span] = []
    for group, following in zip(groups, [*groups[1:], None], strict=True):
        late = not chosen or group.begin - chosen[-1][0] >= packets.ticks(KEY_EVERY)
        if group.early or late or (following and following.early):
            chosen.append((group.begin, group.begin))
    return [*chosen, (groups[-1].end, groups[-1].end)]


def find_changes(packets: Packets, groups: Sequence[Group]) -> list[Span]:
    """The spans in which packet sizes ask for a look."""
    return [span for group in groups for span in _changes_in(packets, group)]


def _changes_in(packets: Packets, group: Group) -> list[Span]:
    if not len(group.members):
        return []
    usual = packets.usual[group.members]
    busy = TOO_BUSY_LATER if packets.later else TOO_BUSY
    if group.end - group.begin > packets.ticks(LONGEST_BLIND) or np.median(usual) > busy * group.key_size:
        return [(group.begin, group.end)]
    loud = _loud(packets, group)
    if not loud.any():
        return []
    stamps = packets.stamps[group.members[loud | _lively(packets, group)]]
    return _widen(packets, stamps, group.begin, group.end)


def _loud(packets: Packets, group: Group) -> np.ndarray:
    """(m,) bool: packets that may be a cut."""
    sizes, usual = packets.sizes[group.members], packets.usual[group.members]
    factor = STANDS_OUT_LATER if packets.later else STANDS_OUT
    loud = (sizes >= factor * usual) | _spikes(packets, group)
    return loud & (sizes >= LEAST_SHARE * group.key_size)


def _lively(packets: Packets, group: Group) -> np.ndarray:
    """(m,) bool: packets that cost more than usual."""
    sizes, usual = packets.sizes[group.members], packets.usual[group.members]
    factor = STANDS_OUT_LATER if packets.later else LIVELY
    lively = (sizes >= factor * usual) & (sizes >= LEAST_SHARE / 2 * group.key_size)
    return lively & (group.members > group.key + WARMING_UP)


def _spikes(packets: Packets, group: Group) -> np.ndarray:
    """(m,) bool: packets that stand out from the usual and from those of their kind beside them."""
    members = group.members
    sizes, usual = packets.sizes[members], packets.usual[members]
    spikes = np.zeros(len(members), bool)
    for kind in (True, False):
        where = np.flatnonzero(packets.ahead[members] == kind)
        where = where[np.argsort(members[where])]
        padded = np.concatenate([[0], sizes[where], [0]])
        alone = sizes[where] >= ALONE * np.maximum(padded[:-2], padded[2:])
        spikes[where] = alone & (sizes[where] >= SPIKE * usual[where]) & (members[where] > group.key + WARMING_UP)
    return spikes


def _widen(packets: Packets, stamps: np.ndarray, first: int, last: int) -> list[Span]:
    """Spans around time stamps, within [first, last]."""
    before, after = packets.ticks(BEFORE), packets.ticks(AFTER)
    return join_spans([(max(first, s - before), min(last, s + after)) for s in np.sort(stamps).tolist()])


def join_spans(spans: Sequence[Span]) -> list[Span]:
    """Spans in order of their starts, those that touch made one."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined


def is_sudden(packets: Packets, hole: Span) -> bool:
    """Whether a picture that differs after a hole came at once with the key frame there.

    Nothing in the hole cost what turning into the new picture costs. Without a key frame that the encoder put there
    for its own reasons this proves nothing: a slow pan or zoom costs little.
    """
    inside = np.flatnonzero((packets.stamps > hole[0]) & (packets.stamps < hole[1]) & ~packets.keys)
    inside = inside[np.argsort(packets.stamps[inside])]
    over = np.maximum(packets.sizes[inside] - 1.5 * packets.usual[inside], 0)
    spent = np.convolve(over, np.ones(25), "same").max(initial=0.0)  # within about a second
    key = np.flatnonzero(packets.stamps == hole[1])
    return bool(spent < NEW_PICTURE * packets.sizes[key].max(initial=0))


def search_hole(packets: Packets, groups: Sequence[Group], hole: Span) -> list[Span]:
    """Where to look for a change that a hole hides: at its lively packets and its end, else everywhere in it."""
    touched = [group for group in groups if group.begin < hole[1] and group.end > hole[0] and len(group.members)]
    lively = [packets.stamps[group.members[_lively(packets, group)]] for group in touched]
    stamps = np.concatenate([*lively, np.zeros(0, np.int64)])
    stamps = stamps[(stamps > hole[0]) & (stamps < hole[1])]
    if not len(stamps):
        return [hole]
    return join_spans([*_widen(packets, stamps, *hole), (max(hole[0], hole[1] - packets.ticks(AFTER)), hole[1])])


def plan_runs(groups: Sequence[Group], packets: Packets, spans: Sequence[Span]) -> list[Run]:
    """What to decode for the pictures of these spans (joined, in order)."""
    return list(_join_runs(_run_in(group, packets, spans) for group in groups))


def _run_in(group: Group, packets: Packets, spans: Sequence[Span]) -> Run | None:
    stamps = packets.stamps[group.members]
    end = int(stamps.max(initial=group.begin))
    mine = [(first, last) for first, last in spans if first <= end and last >= group.begin]
    if not mine:
        return None
    shown = group.members[stamps <= mine[-1][1]]
    return Run(group.key, int(shown.max(initial=group.key)) + 1, tuple(mine))


def _join_runs(runs: Iterator[Run | None]) -> Iterator[Run]:
    """Runs in order, those joined that go on without a hole."""
    before: Run | None = None
    for run in runs:
        if run is None:
            continue
        if before and run.first <= before.last:
            spans = tuple(join_spans([*before.spans, *run.spans]))
            before = Run(before.first, max(run.last, before.last), spans)
            continue
        if before:
            yield before
        before = run
    if before:
        yield before
