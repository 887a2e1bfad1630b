"""Prints the upload's id. The server is the one that `BULKVERIFY_REDIS_URL` names."""

from producers.client import Client

with Client(producer="crm") as client:
    print(client.submit("/srv/lists/newsletter.csv", account="ipqs-main", kind="email", upload_id="crm-2026-11"))
