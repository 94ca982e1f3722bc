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
        super().__init__("\n".join(problems))
        self.problems = problems


class DeclarationError(UsageError):
    """A declaration cannot be taken: it does not decode, or misses what its kind needs."""


class JournalError(ConstatError):
    """The journal cannot be written or read at all (disk full, no permission, not a journal)."""


class OriginBusy(JournalError):
    """Another collector already writes this origin: one origin never tells two stories."""


class UncountableJournal(UsageError):
    """The journal decodes, but its facts contradict each other: two rules for a service, a supersede loop."""
