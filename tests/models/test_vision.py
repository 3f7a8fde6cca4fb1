"""A vision-language model of a real class, tiny and untrained, saved to disk and loaded the way a Hub model is."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.errors import SetupError
from models.vision import load_processor, load_seer

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}:"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}"
    "{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)
SPECIAL = ["<pad>", "<s>", "</s>", "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]


def build_tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate(SPECIAL + alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=SPECIAL[3:],
        chat_template=TEMPLATE,
    )


def save_model(folder: Path, vocabulary_size: int, image_token: int) -> None:
    import torch
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

    torch.manual_seed(3)
    config = SmolVLMConfig(
        image_token_id=image_token,
        pad_token_id=0,
        scale_factor=2,
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 32, "patch_size": 8,
        },
        text_config={
            "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": vocabulary_size,
            "max_position_embeddings": 1024, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
            "initializer_range": 0.5,
        },
    )  # fmt: skip
    SmolVLMForConditionalGeneration(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    folder = tmp_path_factory.mktemp("tiny-smolvlm")
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(folder)
    save_model(folder, len(tokenizer), tokenizer.convert_tokens_to_ids("<image>"))
    SmolVLMImageProcessorPil(
        size={"longest_edge": 32}, max_image_size={"longest_edge": 32}, do_image_splitting=False
    ).save_pretrained(folder)
    # image_seq_len = (32 / 8)^2 / 2^2
    settings = {"processor_class": "SmolVLMProcessor", "image_seq_len": 4}
    (folder / "processor_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="module")
def ask(folder):
    return load_seer(folder)


def picture(value: int) -> np.ndarray:
    rows = np.linspace(0, value, 24, dtype=np.uint8)[:, None, None]
    return np.broadcast_to(rows, (24, 40, 3)).copy()


def test_the_answer_depends_on_the_picture_and_on_nothing_else(ask) -> None:
    first = ask([picture(255)], "What is shown?", 12)
    assert first == ask([picture(255)], "What is shown?", 12)
    answers = {ask([picture(value)], "What is shown?", 12) for value in (0, 60, 255)}
    assert len(answers) > 1


def test_several_pictures_go_into_one_question(ask) -> None:
    two = ask([picture(10), picture(250)], "What changed?", 12)
    assert isinstance(two, str)
    assert two != ask([picture(250), picture(10)], "What changed?", 12)


def test_a_question_without_a_picture_is_answered(ask) -> None:
    assert isinstance(ask([], "Say something.", 8), str)


def test_the_processor_keeps_its_own_settings(folder) -> None:
    processor = load_processor(str(folder), None)
    inputs = processor(images=[picture(9)], text=["<image>"])
    image_token = processor.tokenizer.convert_tokens_to_ids("<image>")
    assert list(inputs["input_ids"][0]).count(image_token) == 4


def test_a_folder_without_a_model_is_refused_in_one_line(tmp_path) -> None:
    with pytest.raises(SetupError, match="cannot be loaded") as caught:
        load_seer(tmp_path)
    assert "\n" not in str(caught.value)
