"""The API described: what each handler takes and answers is declared beside it, and made into /openapi.json once."""
