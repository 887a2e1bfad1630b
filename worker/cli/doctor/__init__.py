"""`bulkverify doctor`: one look at everything that has to be right, in plain words."""
