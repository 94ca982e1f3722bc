"""Every error that a caller may catch; a failed probe is none of them, it is a sample."""


class ConstatError(Exception):
    """Something of ours failed. The message says what was expected, what came, where, and what to do."""

    exit_status = 3


class UsageError(ConstatError):
    """The command was used wrongly, or its input does not fit."""

    exit_status = 2


class ConfigurationError(UsageError):
    """Settings or a contract file are wrong; all that is wrong with them is told at once.

    Each of `problems` is one line:
    ``config/constat.toml: probe[3].interval: expected a duration like "10s", got 10``.
    """

    def __init__(self, problems: list[str]) -> None:
        # A message quotes names and values that may hold anything, and each is read by lines, on terminals.
        self.problems = [_on_one_line(problem) for problem in problems]
        super().__init__("\n".join(self.problems))


class DeclarationError(UsageError):
    """A declaration cannot be taken: it does not decode, or misses what its kind needs."""


class JournalError(ConstatError):
    """The journal cannot be written or read at all (disk full, no permission, not a journal)."""


class OriginBusy(JournalError):
    """Another collector already writes this origin: one origin never tells two stories."""


class UncountableJournal(UsageError):
    """The journal decodes, but its facts contradict each other: two rules for a service, a supersede loop."""


def _on_one_line(text: str) -> str:
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
