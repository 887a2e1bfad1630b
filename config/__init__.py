"""What can be set, and how it is checked: settings, accounts, logging and redaction, and the files operators deploy.

May import the standard library and third-party packages only: never `worker`, never `producers`.
"""
