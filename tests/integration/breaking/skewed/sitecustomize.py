"""A process whose clock is wrong by CLOCK_SKEW_SECONDS: Python reads this before anything else."""

import os
import time

skew = float(os.environ.get("CLOCK_SKEW_SECONDS", "0"))
real_time, real_time_ns = time.time, time.time_ns

time.time = lambda: real_time() + skew
time.time_ns = lambda: real_time_ns() + int(skew * 1_000_000_000)
