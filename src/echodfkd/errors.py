"""What can go wrong for a user, as one small tree. The command prints the message as one line and exits with code 2."""


class EchodfkdError(Exception):
    """Anything a user can mend: the message names the rule, the value got and the way on, in one line."""


class InputError(EchodfkdError, ValueError):
    """A file, folder or array that is not what it should be."""


class LabelsError(InputError):
    """The labels of one clip cannot be read or do not fit it; the other clips can be scored without it."""


class OutputError(EchodfkdError):
    """A place that cannot be written: no space, no permission, not a folder."""


class OccupiedError(OutputError):
    """A place that holds somebody else's files, which would be lost; another place next to it may be free."""


class StudyError(EchodfkdError, ValueError):
    """A study file with unknown keys, impossible values or settings that contradict each other."""


class MissingExtra(EchodfkdError):
    """An optional dependency that is not installed; the message holds the install line."""

    def __init__(self, purpose: str, extra: str):
        self.purpose, self.extra = purpose, extra
        super().__init__(f"{purpose} needs the extra '{extra}': pip install 'echodfkd[{extra}]'")

    def __reduce__(self) -> tuple[type["MissingExtra"], tuple[str, str]]:
        return MissingExtra, (self.purpose, self.extra)  # it may be raised in another process


def one_line(error: Exception) -> str:
    """The error's message in one line, whatever stood in a file's name."""
    return " ".join(str(error).splitlines())
