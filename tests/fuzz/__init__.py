"""Fuzzing: ``python -m tests.fuzz TARGET --seconds N``. Each target is a module with ``run(data: bytes)``, which must return."""
