"""The exception whose message is written for the user, and the wording that several modules share."""

from pathlib import Path

_LONGEST_REASON = 200


class UserError(Exception):
    """A problem that the user can correct: bad input, a bad flag, a missing file.

    The message is one line that names the file or flag, what was found and what was expected. The command-line
    programs print it without a traceback and exit with code 2.
    """


def reason(error: Exception | str) -> str:
    """Says in one line why something failed, without the error number of an `OSError`."""
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split())[:_LONGEST_REASON] or type(error).__name__


def unreadable(path: str | Path, error: Exception) -> UserError:
    """The error to raise when a file cannot be read."""
    return UserError(f"{path}: cannot be read ({reason(error)})")


def unwritable(path: str | Path, error: Exception) -> UserError:
    """The error to raise when a file cannot be written."""
    return UserError(f"{path}: cannot be written ({reason(error)})")


def install_extra(extra: str) -> str:
    """The command that installs one of the optional dependencies in setup.cfg, for help texts and errors."""
    return f"pip install -e '.[{extra}]' in the checkout of sr_tf"


def missing_extra(extra: str, error: ImportError) -> UserError:
    """The error to raise when a package of an extra cannot be imported."""
    return UserError(f"the extra `{extra}` is not installed ({reason(error)}), expected: {install_extra(extra)}")
