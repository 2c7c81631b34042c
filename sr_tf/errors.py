"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Something that the user can put right: bad input, a bad flag, a missing file.

    Its message is one line that names the file or flag, what was found and what was expected. The command-line
    programs print it without a traceback and exit with code 2.
    """
