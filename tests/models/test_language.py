"""The language model: packed scoring equals scoring one by one, and likelihood follows meaning.

The arithmetic is tested on a tiny untrained model of the real class, the meaning on the real weights.
"""

import numpy as np
import pytest

from models.errors import SetupError
from models.language import MAX_PACKED_TOKENS, Language, load_language


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Language:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from tests.models.test_vision import build_tokenizer

    torch.manual_seed(7)
    tokenizer = build_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=4096, initializer_range=0.3, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("tiny-llama")
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }}:{{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    tokenizer.save_pretrained(folder)
    return load_language(folder, dtype=torch.float32)


def score_alone(language: Language, prompt: str, continuation: str) -> float:
    """The definition: one plain pass over prompt and continuation together."""
    import torch

    before = language.tokenizer.encode(prompt, add_special_tokens=False)
    after = language.tokenizer.encode(continuation, add_special_tokens=False)
    with torch.inference_mode():
        logits = language.model(torch.tensor([before + after])).logits[0].float().log_softmax(-1)
    return float(np.mean([logits[len(before) - 1 + step, token] for step, token in enumerate(after)]))


def test_packed_scores_equal_scores_one_by_one(tiny) -> None:
    answers = [" cat", " a much longer answer", " x", " cat"]
    expected = [score_alone(tiny, "What is it? It is", answer) for answer in answers]
    assert tiny.score("What is it? It is", answers) == pytest.approx(expected, abs=1e-4)


def test_more_answers_than_fit_into_one_pass(tiny) -> None:
    answers = [f" answer number {number}" for number in range(MAX_PACKED_TOKENS // 8)]
    scores = tiny.score("Here comes", answers)
    assert len(scores) == len(answers)
    assert scores[-1] == pytest.approx(score_alone(tiny, "Here comes", answers[-1]), abs=1e-4)


def test_nothing_to_score(tiny) -> None:
    assert tiny.score("prompt", []) == []
    assert tiny.score("prompt", ["", ""]) == [0.0, 0.0]


def test_a_very_long_prompt_is_shortened_in_its_middle(tiny) -> None:
    filler = "word " * 5000
    assert tiny.score(f"start {filler} end", [" a"]) == tiny.score(f"start {filler}{filler} end", [" a"])


def test_completions_are_repeatable_and_bounded(tiny) -> None:
    first = tiny.complete("system", "user", 10)
    assert first == tiny.complete("system", "user", 10)
    assert len(tiny.tokenizer.encode(first, add_special_tokens=False)) <= 30  # 10 bytes may decode to 10 marks of 3


def test_likelihood_follows_the_passage(need_weight) -> None:
    language = load_language(need_weight("smollm2-135m"))
    names = [" rocket", " bread", " bicycle", " piano"]
    passage = "Passage: Put air in the tyres, oil the chain and ride to work.\nOne-word topic of the passage:"
    scores = language.score(passage, names)
    assert names[int(np.argmax(scores))] == " bicycle"
    assert all(score < 0 for score in scores)


def test_a_folder_without_a_model_is_refused(tmp_path) -> None:
    with pytest.raises(SetupError, match="broll models fetch"):
        load_language(tmp_path)
