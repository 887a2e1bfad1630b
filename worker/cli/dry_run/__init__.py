"""`bulkverify upload --dry-run`: what would become of a list, found out by reading alone.

`trial` takes a list through intake's and prepare's own judgement, `balance` asks the account, `forecast` is what is
told.
"""
