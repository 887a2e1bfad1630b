#!/bin/sh
# Prints the entry's id, such as 1767225600000-0.
redis-cli -e -u "${BULKVERIFY_REDIS_URL:-redis://localhost:6379/0}" XADD bulkverify:uploads '*' request '{
  "version": 1,
  "upload_id": "crm-2026-11",
  "account": "ipqs-main",
  "kind": "email",
  "source": {"path": "/srv/lists/newsletter.csv"},
  "producer": "crm"
}'
