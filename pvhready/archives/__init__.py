"""Package files, .deb and .rpm, read as bounded streams. Nothing is installed and no script in them is run."""
