import subprocess
import sys
from dataclasses import replace

import pytest

from models import registry
from models.errors import InputError, SetupError
from models.profiles import load_profile, profile_names
from models.registry import hub_models, model_path, profile_weights


def test_embedded_profile_is_tried_offline_and_free():
    profile = load_profile("embedded")
    assert profile.tried and profile.commercial and profile.memory == 0
    assert profile_weights(profile) == ("whisper-tiny.en", "smollm2-135m", "minilm-l6") and hub_models(profile) == ()


@pytest.mark.parametrize("name", [name for name in profile_names() if name != "embedded"])
def test_hub_profiles_say_that_they_are_untried_and_under_which_licence(name):
    profile = load_profile(name)
    assert not profile.tried and profile.licence and profile.memory >= 8
    assert {model for model, _ in hub_models(profile)} == {profile.drawing, profile.vision}
    assert profile.width % 64 == profile.height % 8 == 0


def test_own_file_overrides_its_base(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('base = "embedded"\nsteps = 4\nguidance = 3\nspeech_languages = ["en", "de"]\n')
    embedded = load_profile("embedded")
    expected = replace(embedded, name="mine", steps=4, guidance=3.0, speech_languages=("en", "de"))
    assert load_profile(str(path)) == expected and hash(expected)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steps = 4", "lacks candidates"),
        ('base = "embedded"\nstep = 4', "unknown key step"),
        ('base = "embedded"\nsteps = "4"', "steps is '4', should be a int"),
        ('base = "embedded"\nsteps = true', "steps is True"),
        ('base = "embedded"\nsteps = 0', "steps is 0, should be 1 to 1000"),
        ('base = "embedded"\nguidance = nan', "guidance is nan"),
        ('base = "embedded"\ndtype = "int3"', "dtype is 'int3'"),
        ('base = "embedded"\nspeech_languages = "en"', "list of texts"),
        ('base = "embedded"\nspeech_languages = []', "at least one tag"),
        ('base = "nobody"', "no profile 'nobody': choose embedded"),
        ('base = "mine"', "its own base"),
        ("base = 3", "no profile 3"),
        ("steps = = 4", "not a TOML file"),
    ],
)
def test_bad_file_is_one_clear_line(tmp_path, text, says):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        load_profile(str(path))
    assert "\n" not in str(caught.value)


def test_missing_name_and_file():
    with pytest.raises(InputError, match="no profile 'tiny': choose embedded, small"):
        load_profile("tiny")
    with pytest.raises(InputError, match="No such file"):
        load_profile("nowhere/mine.toml")


def test_model_path_takes_weights_folders_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("BROLL_CACHE", str(tmp_path / "cache"))
    assert model_path(str(tmp_path)) == tmp_path
    with pytest.raises(SetupError, match="minilm-l6 is not cached"):
        model_path("minilm-l6")
    with pytest.raises(SetupError, match="neither a folder nor downloaded"):
        model_path("nobody/nothing")


def test_parts_that_a_profile_lacks_are_none():
    profile = replace(load_profile("embedded"), speech="", language="", vision="", ocr="")
    loaders = (registry.transcriber, registry.language, registry.seer, registry.text_reader)
    assert [load(profile) for load in loaders] == [None] * 4


def test_profiles_and_registry_load_nothing_heavy():
    script = (
        "import sys, models.registry, models.weights; models.profiles.load_profile('large')\n"
        "heavy = {'torch', 'transformers', 'diffusers', 'prefect', 'huggingface_hub'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
