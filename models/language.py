"""A small chat language model: short completions, and the likelihood of given answers.

Choosing among given answers by likelihood is what a model of this size (135 M) does well; free text is not.
All answers are scored in one pass behind one shared prefix: each sees the prefix and itself, never its
neighbours (a block-diagonal mask over the packed answers), so that forty of them cost little more than one.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from models import meter
from models.errors import SetupError

#: Tokens of a prompt that are kept; longer ones lose their middle, since both ends carry the frame of the question.
MAX_PROMPT_TOKENS = 1536
#: Tokens of answers in one pass: their distributions over the vocabulary take 0.2 MB a token.
MAX_PACKED_TOKENS = 256


def fast_dtype():
    """The quickest precision of this machine: bfloat16 where it is computed natively, else float32."""
    import torch

    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    processor = torch.cpu.get_capabilities()
    return torch.bfloat16 if processor.get("avx512_bf16") or processor.get("amx_bf16") else torch.float32


class Language:
    """A causal language model with its tokenizer; everything greedy, hence deterministic on one machine."""

    def __init__(self, model, tokenizer) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer

    def complete(self, system: str, user: str, max_new_tokens: int) -> str:
        """The model's answer to `user` under `system`, at most `max_new_tokens` long, chosen greedily."""
        import torch

        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        prefix = self._encode(text)  # (1, T)
        with torch.inference_mode():
            output = self.model.generate(
                prefix,
                attention_mask=torch.ones_like(prefix),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.eos_token_id,
            )
        meter.count_tokens("language", prefix.shape[1], output.shape[1] - prefix.shape[1])
        return self.tokenizer.decode(output[0, prefix.shape[1] :], skip_special_tokens=True).strip()

    def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Mean log-probability per token (nats) of each continuation right after `prompt`.

        Continuations usually begin with a space. An empty one scores 0.0.
        """
        import torch

        answers = [self.tokenizer.encode(text, add_special_tokens=False) for text in continuations]
        prefix = self._encode(prompt)  # (1, T)
        meter.count_tokens("language", prefix.shape[1] + sum(map(len, answers)))
        scores: list[float] = []
        with torch.inference_mode():
            first = self.model(prefix, use_cache=True, logits_to_keep=1)
            after_prefix = first.logits[0, -1].float().log_softmax(-1)  # (V,)
            for pack in _split_packs(answers):
                after_each = self._read_pack(pack, first.past_key_values, prefix.shape[1])
                scores += _mean_log_probabilities(pack, after_prefix, after_each)
        return scores

    def _read_pack(self, answers: list[list[int]], cache, prefix_length: int):
        """Log-probabilities (P, V) after each token of the packed answers; the cache is left as it was."""
        import torch

        tokens = [token for answer in answers for token in answer]
        if not tokens:
            return None
        device = self.model.device
        mask, positions = _pack(answers, prefix_length, self.model.dtype, device)
        packed = torch.tensor([tokens], device=device)  # (1, P)
        output = self.model(packed, past_key_values=cache, attention_mask=mask, position_ids=positions)
        cache.crop(-len(tokens))  # a negative number takes off so many
        return output.logits[0].float().log_softmax(-1)

    def _encode(self, text: str):
        import torch

        tokens = self.tokenizer.encode(text, add_special_tokens=False) or [self.tokenizer.bos_token_id]
        if len(tokens) > MAX_PROMPT_TOKENS:
            half = MAX_PROMPT_TOKENS // 2
            tokens = tokens[:half] + tokens[-half:]
        return torch.tensor([tokens], device=self.model.device)


def _split_packs(answers: list[list[int]]) -> Iterator[list[list[int]]]:
    pack: list[list[int]] = []
    for answer in answers:
        if pack and sum(map(len, pack)) + len(answer) > MAX_PACKED_TOKENS:
            yield pack
            pack = []
        pack.append(answer)
    if pack:
        yield pack


def _pack(answers: list[list[int]], prefix_length: int, dtype, device):
    """Additive mask (1, 1, P, T + P) and positions (1, P) of answers laid end to end behind a prefix of T tokens."""
    import torch

    owner = torch.tensor([index for index, answer in enumerate(answers) for _ in answer], device=device)  # (P,)
    place = torch.tensor([step for answer in answers for step in range(len(answer))], device=device)  # (P,)
    sees = (owner[:, None] == owner[None, :]) & (place[:, None] >= place[None, :])  # (P, P)
    sees = torch.cat([torch.ones(len(owner), prefix_length, dtype=torch.bool, device=device), sees], dim=1)
    mask = torch.zeros(sees.shape, dtype=dtype, device=device).masked_fill(~sees, torch.finfo(dtype).min)
    return mask[None, None], (prefix_length + place)[None]


def _mean_log_probabilities(answers: list[list[int]], after_prefix, after_each) -> list[float]:
    """Read each answer's tokens off the distributions before them: (V,) for its first, rows of (P, V) for the rest."""
    scores, start = [], 0
    for answer in answers:
        rows = [after_prefix, *after_each[start : start + len(answer) - 1]] if answer else []
        total = sum(float(row[token]) for row, token in zip(rows, answer, strict=True))
        scores.append(total / len(answer) if answer else 0.0)
        start += len(answer)
    return scores


def load_language(path: Path | str, dtype=None) -> Language:
    """Load a chat model from `path`, a transformers folder with safetensors.

    `dtype` is a torch dtype; None takes `fast_dtype()`. Raises SetupError when nothing loadable is there.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    path = Path(path)
    if not (path / "config.json").is_file():
        raise SetupError(f"{path} holds no language model (no config.json): run `broll models fetch embedded`")
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype or fast_dtype(), use_safetensors=True)
    meter.DEVICES["describe"].add(model.device.type)
    return Language(model, tokenizer)
