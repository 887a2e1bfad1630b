"""Intake: from the request stream to upload records. Reads at least once, accepts exactly once.

`stream` reads and answers, `admission` makes uploads of requests, `judging` decides which upload a request is or that
it is none, `refusal` says why there will be none.
"""
