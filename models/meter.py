"""What models have used in this process: tokens read and written, and the devices that each stage ran on. Torch-free.

A step reads the meter before and after itself; the difference is what the step has cost.
"""

from collections import Counter, defaultdict

#: "language read", "language written", "vision read", ...: tokens since the process began.
TOKENS: Counter[str] = Counter()
#: Stage of the run -> devices of the models loaded for it.
DEVICES: defaultdict[str, set[str]] = defaultdict(set)


def count_tokens(role: str, read: int, written: int = 0) -> None:
    """Add what one call of the model in `role` (language, vision) has read and written."""
    TOKENS[f"{role} read"] += read
    TOKENS[f"{role} written"] += written


def tokens_since(before: Counter[str]) -> dict[str, int]:
    """What has been counted since `before`, a copy of TOKENS; roles that used none are left out."""
    return {role: count for role, total in TOKENS.items() if (count := total - before[role])}


def device_of(stage: str) -> str:
    """Where a stage's models run, as "cuda" or "cpu, cuda"; "cpu" where it loaded none."""
    return ", ".join(sorted(DEVICES.get(stage, ()))) or "cpu"
