"""What is done once to a fetched weight so that every later load is quick."""

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path


def convert_gguf(folder: Path, files: Sequence[Path]) -> None:
    """Turn the one GGUF file into a transformers folder (config, tokenizer, float32 safetensors); drop the GGUF.

    Reading the GGUF takes 15-20 s at each start, the folder 2 s, most of it the tokenizer. float32 is kept rather
    than bfloat16: 540 MB instead of 270 MB, but mapped as it is in 0.3 s (0.7 s) and true to the 4-bit numbers.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    (source,) = files
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bars know no other switch
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=source.name)
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=source.name, dtype=torch.float32)
        _without_quantisation(model).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    source.unlink()


def _without_quantisation(model):
    """The same numbers in a model that may be saved: transformers refuses to save one that came from a GGUF."""
    config = model.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = type(model)(config)
    plain.load_state_dict(model.state_dict())
    return plain


CONVERTERS: dict[str, Callable[[Path, Sequence[Path]], None]] = {"gguf": convert_gguf}
