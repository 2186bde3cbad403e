"""The API of members, under /api/v1: an account's own reads, by its keys."""
