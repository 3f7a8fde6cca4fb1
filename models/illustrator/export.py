"""From a training run to the weights that ship: EMA weights in 8 bits beside their configuration.

python -m models.illustrator.export [--run DIR] [--out DIR]
"""

import argparse
from pathlib import Path

from safetensors.torch import load_file

from models.illustrator.judge import JudgeEncoder
from models.illustrator.network import IllustratorTransformer
from models.illustrator.quantised import save_quantised
from models.illustrator.vocabulary import WEIGHTS
from models.weights import cache_folder


def export(run: Path, out: Path) -> None:
    """Write `out`/transformer and `out`/judge from the run's checkpoints."""
    for name, model in (("transformer", IllustratorTransformer()), ("judge", JudgeEncoder())):
        model.load_state_dict(load_file(run / f"{name}.safetensors"))
        save_quantised(model, out / name)


def main() -> None:
    """Export a run's weights."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, default=cache_folder() / "illustrator" / "run")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    export(options.run, options.out)
    print(f"weights in {options.out}")


if __name__ == "__main__":
    main()
