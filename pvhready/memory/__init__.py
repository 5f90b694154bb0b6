"""What earlier runs on the live system have found out, kept in /var/cache/pvhready for as long as it holds.

Whatever is odd about a memory makes it as if nothing were remembered. The work is then done again.
"""
