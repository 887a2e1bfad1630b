"""`bulkverify reconcile`: what differs between here and the providers, and what is done about it."""
