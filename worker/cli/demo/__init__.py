"""The demo: sample lists on their way through the real processes, at the simulated providers."""
