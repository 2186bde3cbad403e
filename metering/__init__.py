"""Tokens, holds, packs and the ledger.

The words used here, as in docs/glossary.md:

account     who pays; owns members, keys and packs
pack        a lot of prepaid tokens, with a scope (member, models, resource)
balance     what remains in active packs, minus debt; *available* is balance minus *reserved*
hold        tokens set aside for one request before it is forwarded
split       on which packs a hold lies: pack, amount, pack, amount, ...
settle      replace a hold by what was really used; release: give it back, nothing used
charge      what a request costs in the account's unit, an integer, rounded up once
entry       one transfer between two books, never changed
event       one request: its charge, both counts, their source
epoch       one continuous memory of Redis, per bucket of accounts
"""
