"""Probes read the guest and say what is there. They never judge it."""
