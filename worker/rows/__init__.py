"""Rows in, rows out: staging reads, folds and splits an input; delivery joins verdicts back to every row of it."""
