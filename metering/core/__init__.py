"""The rules of the meter, pure: no I/O, no clock, no logging. Time and counts are arguments."""
