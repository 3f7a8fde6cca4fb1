"""From training runs to the weights that ship: EMA weights in 8 bits beside their configuration.

    python -m models.illustrator.export [--run DIR] [--out DIR]

Whatever of the three networks the run has trained is exported; the others stay as they are.
"""

import argparse
from pathlib import Path

from diffusers.models.modeling_utils import ModelMixin
from safetensors.torch import load_file

from models.errors import InputError
from models.illustrator.judge import JudgeEncoder
from models.illustrator.network import IllustratorTransformer
from models.illustrator.quantised import save_quantised
from models.illustrator.upscaler import Upscaler
from models.illustrator.vocabulary import WEIGHTS
from models.weights import cache_folder

NETWORKS: dict[str, type[ModelMixin]] = {
    "transformer": IllustratorTransformer,
    "judge": JudgeEncoder,
    "upscaler": Upscaler,
}


def export(run: Path, out: Path) -> list[str]:
    """Write `out`/NAME for each network that the run holds a checkpoint of; their names."""
    found = [name for name in NETWORKS if (run / f"{name}.safetensors").exists()]
    for name in found:
        model = NETWORKS[name].from_config(NETWORKS[name].load_config(run / name))
        model.load_state_dict(load_file(run / f"{name}.safetensors"))
        save_quantised(model, out / name)
    return found


def main() -> None:
    """Export a run's weights."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, default=cache_folder() / "illustrator" / "run")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    if not (found := export(options.run, options.out)):
        raise SystemExit(str(InputError(f"{options.run} holds no checkpoint: train first (see the model card)")))
    print(f"{', '.join(found)} in {options.out}")


if __name__ == "__main__":
    main()
