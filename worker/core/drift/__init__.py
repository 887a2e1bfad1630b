"""Drift: every difference between what is known here and what a provider shows, by name.

Pure, like all of the core. `views` is what was seen, `predicates` tells which differences that holds, `findings` keeps
them from one sweep to the next, and `repairs` says what may be done about each. Nothing here ever leads to a charge.
"""
