"""`bulkverify top`: the numbers of the dashboards, live in a terminal."""
