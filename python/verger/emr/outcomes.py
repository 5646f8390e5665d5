"""How a command ends when it does not end well: a sentence, what to do, an exit status."""

from __future__ import annotations


class Outcome(Exception):
    """Ends the command. `remedy` is a command or a sentence that mends it, or empty."""

    exit_code = 1
    kind = "failed"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy


class JobFailed(Outcome):
    """The job ran, and failed or was stopped."""

    exit_code, kind = 1, "job failed"


class WrongUsage(Outcome):
    """Words, settings or files of the user that make no sense."""

    exit_code, kind = 2, "wrong usage"


class CheckFailed(Outcome):
    """Something that has to be so is not, or what was asked for is not there."""

    exit_code, kind = 3, "check failed"


class Refused(Outcome):
    """AWS said no: rights, quotas, capacity, or nobody answers."""

    exit_code, kind = 4, "refused by AWS"

    def __init__(self, message: str, remedy: str = "", code: str = "") -> None:
        super().__init__(message, remedy)
        self.code = code  # AWS's name of the error


class Interrupted(Outcome):
    """By a signal; the message says what still runs."""

    exit_code, kind = 130, "interrupted"
