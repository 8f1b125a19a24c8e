"""The exceptions that people are meant to read."""


class ProjectError(Exception):
    """What is wrong, where, and what to do. The command line prints it without a traceback."""


class EmptyTableError(ProjectError):
    """No landed file of a table holds a row."""
