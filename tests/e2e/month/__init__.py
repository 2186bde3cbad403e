"""Tests that share one month: fixtures of a package need one."""
