"""`--correction` texts, the paper's schedules and calibration files."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.diffusion.bands import Bands, Transform
from models.diffusion.coefficients import (
    PaperSchedule,
    Table,
    find_calibration,
    format_table,
    parse_correction,
    parse_table,
)
from models.errors import InputError

SIGMAS = (10.0, 5.0, 1.0, 0.0)


def test_modes():
    assert parse_correction("off") is None
    assert parse_correction("low:low=0.05") == PaperSchedule("low", Bands(0.05))
    assert parse_correction("high:high=-0.01") == PaperSchedule("high", Bands(0, -0.01, -0.01, -0.01))
    assert parse_correction(" double:low=0.05, high=0.01 ") == PaperSchedule("double", Bands(0.05, 0.01, 0.01, 0.01))
    assert parse_correction("pixel:scale=0.02") == PaperSchedule("pixel", Bands(0.02, 0.02, 0.02, 0.02))
    assert parse_correction("bands:ll=.1,lh=.2,hl=.3,hh=.4").weights == Bands(0.1, 0.2, 0.3, 0.4)
    full = parse_correction("low:low=0.05,wavelet=db4,level=2,direction=noise,schedule=constant")
    assert full == PaperSchedule("low", Bands(0.05), Transform("db4", 2), "noise", "constant")


def test_schedules_follow_the_published_code():
    """Low by sigma / sigma_max, high by 1 - sigma / sigma_max; pixel constant."""
    plan = parse_correction("double:low=0.05,high=0.01").plan(SIGMAS)
    assert [bands.ll for bands in plan] == pytest.approx([0.05, 0.025, 0.005, 0])
    assert [bands.hh for bands in plan] == pytest.approx([0, 0.005, 0.009, 0.01])
    assert {bands.ll for bands in parse_correction("pixel:scale=0.02").plan(SIGMAS)} == {0.02}
    constant = parse_correction("low:low=0.05,schedule=constant").plan(SIGMAS)
    assert [bands.ll for bands in constant] == [0.05] * 4
    assert [bool(bands) for bands in parse_correction("low:low=1,schedule=early").plan(SIGMAS)] == [1, 1, 0, 0]
    assert [bool(bands) for bands in parse_correction("pixel:scale=1,schedule=late").plan(SIGMAS)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "unknown correction"),
        ("on", "unknown correction 'on'"),
        ("auto", "the drawer's to settle"),
        ("lower:low=1", "unknown correction"),
        ("low", "needs low"),
        ("double:low=0.05", "needs high"),
        ("pixel", "needs scale"),
        ("low:low=0.05,high=0.1", "cannot use 'high=0.1'"),
        ("low:low=0.05,low=0.1", "cannot use 'low=0.1'"),
        ("low:low", "cannot use 'low'"),
        ("low:low=much", "low=much"),
        ("low:low=nan", "low=nan"),
        ("low:low=inf", "low=inf"),
        ("low:low=2", "give a number from -1 to 1"),
        ("low:low=0.05,wavelet=nope", "unknown wavelet 'nope'"),
        ("low:low=0.05,level=two", "level 'two'"),
        ("low:low=0.05,level=99", "level 99"),
        ("low:low=0.05,direction=up", "direction 'up'"),
        ("low:low=0.05,schedule=x", "schedule 'x'"),
        ("nowhere.json", "cannot be read"),
    ],
)
def test_bad_texts_are_one_clear_line(text, said):
    with pytest.raises(InputError, match=said) as caught:
        parse_correction(text)
    assert "\n" not in str(caught.value)


finite = st.floats(-1, 1, allow_nan=False)
tables = st.builds(
    lambda rows, level, direction, key, reason: Table(
        tuple(Bands(*row) for row in rows),
        tuple(float(len(rows) - step) for step in range(len(rows))),
        Transform("haar", level),
        direction,
        tuple(sorted(key.items())),
        reason=reason,
    ),
    st.lists(st.tuples(finite, finite, finite, finite), min_size=1, max_size=9),
    st.integers(1, 6),
    st.sampled_from(["paper", "noise"]),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    st.text(max_size=9),
)


@given(tables)
def test_tables_survive_their_file(table):
    assert parse_table(format_table(table)) == table


def a_table(steps: int = 4) -> Table:
    return Table(tuple(Bands(ll=0.01 * step) for step in range(steps)), SIGMAS[:steps], key=(("weights", "abc"),))


def test_a_table_is_never_carried_over():
    assert a_table().plan(SIGMAS) == a_table().bands
    assert a_table().plan([sigma * (1 + 1e-7) for sigma in SIGMAS]) == a_table().bands
    with pytest.raises(InputError, match="holds 4 steps, this run has 3"):
        a_table().plan(SIGMAS[:3])
    with pytest.raises(InputError, match="another noise schedule"):
        a_table().plan((10.0, 5.1, 1.0, 0.0))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.pop("bands"),
        lambda data: data.update(version=99),
        lambda data: data.update(kind="storyboard"),
        lambda data: data["bands"]["ll"].pop(),
        lambda data: data["bands"]["ll"].__setitem__(0, None),
        lambda data: data["bands"]["ll"].__setitem__(0, float("nan")),
        lambda data: data.update(wavelet="nope"),
        lambda data: data.update(level="1"),
        lambda data: data.update(direction=3),
        lambda data: data.update(key=[]),
        lambda data: data.update(sigmas=7),
    ],
)
def test_damaged_tables(damage):
    data = json.loads(format_table(a_table()))
    damage(data)
    with pytest.raises(InputError):
        parse_table(json.dumps(data))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 10000, '"text"'])
def test_files_that_are_no_tables(text):
    with pytest.raises(InputError, match="damaged"):
        parse_table(text, "mine.json")


def test_find_calibration_needs_the_very_key(tmp_path):
    assert find_calibration([tmp_path / "nowhere"], {"weights": "abc"}) is None
    (tmp_path / "one.json").write_text(format_table(a_table()), "utf-8")
    assert find_calibration([tmp_path], {"weights": "abc"}).bands == a_table().bands
    assert find_calibration([tmp_path], {"weights": "abd"}) is None
    assert find_calibration([tmp_path], {"weights": "abc", "steps": "4"}) is None
    assert parse_correction(str(tmp_path / "one.json")).bands == a_table().bands


def test_options_and_requests_are_torch_free():
    code = """
import sys
from models.diffusion.coefficients import parse_correction
from models.diffusion.request import DrawRequest
parse_correction("low:low=0.05,wavelet=db4")
assert not {"torch", "diffusers", "prefect"} & set(sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
