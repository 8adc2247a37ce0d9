"""All that is built on PyMC: models, step methods, checks, the engine MCMC.

PyMC is imported inside functions, or in files that are: it takes seconds.
"""
