"""What engines return, and what becomes of it: summaries, a tree, reported changes."""
