"""`bulkverify verify`: a result checked against its manifest, anywhere, without Redis."""
