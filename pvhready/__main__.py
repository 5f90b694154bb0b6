"""``python3 -m pvhready``."""

from pvhready.cli import program

if __name__ == "__main__":
    program()
