"""What a render will do, said before it starts; what is wrong with the edits is said here, too."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from flows.desks import peek_desk, take_marks
from tasks.changes import Outlook, foresee, format_outlook
from tasks.desk import Options
from tasks.stages import heed_edits


def tell_outlook(folder: str, options: Options, marks: str, as_json: bool, silent: bool) -> Outlook:
    """Print what a render would do: as JSON on stdout, else in words on stderr; nothing is written."""
    desk, board = peek_desk(Path(folder), options)
    outlook = foresee(desk, board, heed_edits(desk, board, take_marks(desk, board, marks, write=False)))
    if as_json:
        print(json.dumps(asdict(outlook), indent=2, ensure_ascii=False))
    elif not silent:
        print(format_outlook(outlook), file=sys.stderr)
    return outlook
