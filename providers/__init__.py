"""The outside world: ``wire`` holds the formats (pure), ``transport`` the connections, and each provider a file."""
