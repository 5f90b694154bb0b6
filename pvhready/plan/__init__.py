"""The plan: from a report to the ordered steps that make this guest safe to switch. Pure functions; nothing is read or changed."""
