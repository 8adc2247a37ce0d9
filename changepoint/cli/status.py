"""Exit status of the command."""

INTERNAL, USAGE, DATA, ENGINE = 1, 2, 3, 4
ALERT = 10  # a change as probable as `fit --alert` asked for
INTERRUPTED = 130
