"""The command `changepoint`: arguments only; everything it does is in the public API."""

from changepoint.cli.command import app as app
from changepoint.cli.command import main as main
from changepoint.cli.command import with_values as with_values
