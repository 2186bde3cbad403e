"""The server: routes, authentication, relay, admin and account API; app.py alone constructs shells."""

VERSION = "0.1.0"
