"""Rules judge facts. They are pure: no file, no clock, no process. One module for each link of the boot chain."""
