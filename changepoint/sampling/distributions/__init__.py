"""Distributions that PyMC lacks, or has with less precision."""
