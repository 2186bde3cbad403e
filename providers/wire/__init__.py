"""The formats of the wire, pure: bytes in, values out; typed where we look, raw elsewhere."""
