"""The errors that a user can meet, each one clear line: what failed, the value got, what to do.

BrollError
├── InputError      a file, caption or option given by the user cannot be used   (exit code 2)
│   └── BusyError   another run holds the folder; later it may be free            (exit code 2)
├── SetupError      something is missing on this machine: weights, a program     (exit code 2)
├── DecodeError     a media tool gave up; `stderr` keeps its last words           (exit code 2)
└── SceneError      one scene failed, the others go on                            (exit code 3)
"""


class BrollError(Exception):
    """Base of every error raised on purpose; its text is fit to be shown as it is."""

    exit_code = 2


class InputError(BrollError):
    """What the user gave cannot be used."""


class BusyError(InputError):
    """Another run holds what this one needs."""


class SetupError(BrollError):
    """This machine lacks something that the run needs."""


class DecodeError(InputError):
    """A media tool failed on the file; `stderr` holds the end of what it said."""

    def __init__(self, message: str, stderr: str = "") -> None:
        super().__init__(message)
        self.stderr = stderr

    def __reduce__(self):
        return type(self), (self.args[0], self.stderr)


class SceneError(BrollError):
    """One scene could not be finished; the run goes on without it."""

    exit_code = 3
