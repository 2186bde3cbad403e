"""Tests that share one Farebox and one browser, while this folder runs: fixtures of a package need one."""
