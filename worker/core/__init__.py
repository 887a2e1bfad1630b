"""Decisions, and nothing else: pure functions of (state, observation, now) that return frozen values.

Takes no clock, no Redis, no network and no file. Imports nothing else of this project.
"""
