"""What the program logs: one entry for each event, from which the counters begin at zero and the documentation is made.

Imports nothing of the project.
"""
