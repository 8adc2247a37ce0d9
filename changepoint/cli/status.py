"""Exit status of the command."""

INTERNAL, USAGE, DATA, ENGINE = 1, 2, 3, 4
INTERRUPTED = 130
