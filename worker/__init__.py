"""The background worker: accepts uploads, has them verified, and brings every row back."""
