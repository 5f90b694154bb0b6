"""Renderers: each turns one report into one format, and decides nothing."""
