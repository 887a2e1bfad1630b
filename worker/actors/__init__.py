"""The actors: thin shells that load a record, let `worker.core` decide, perform the decision and commit it."""
