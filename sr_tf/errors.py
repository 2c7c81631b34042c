"""The exception whose message is written for the user, and the wording that several modules share."""

from pathlib import Path

from sr_tf import __version__

_LONGEST_REASON = 200
_CHECKOUT = Path(__file__).absolute().parents[1]


class UserError(Exception):
    """A problem that the user can correct: bad input, a bad flag, a missing file.

    The message is one line that names the file or flag, what was found and what was expected. The command-line
    programs print it without a traceback and exit with code 2.
    """


class MissingExtraError(UserError):
    """A package of one of the optional dependencies in setup.cfg is not installed; no file is to blame."""


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
    return _install_command(f"[{extra}]")


def install_required() -> str:
    """The command that installs what sr_tf always needs."""
    return _install_command("")


def _install_command(extras: str) -> str:
    """What pip has to be told: in a checkout the folder, elsewhere the distribution that a wheel has installed.

    The version is told so that pip takes the installed sr-tf and asks no registry for another one.
    """
    if (_CHECKOUT / "setup.cfg").is_file():
        return f"pip install -e '.{extras}' in the checkout of sr_tf"
    return f"pip install 'sr-tf{extras}=={__version__}'"


def missing_extra(extra: str, error: ImportError) -> MissingExtraError:
    """The error to raise when a package of an extra cannot be imported."""
    return MissingExtraError(
        f"the extra `{extra}` is not installed ({reason(error)}), expected: {install_extra(extra)}"
    )
