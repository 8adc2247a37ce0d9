"""Models as PyMC's: what one would write by hand, places of changes summed out if asked."""
