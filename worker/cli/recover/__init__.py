"""`bulkverify recover`: the records that Redis has lost, made again from storage."""
