"""The exporter: the metrics over HTTP or in a file, from a check that runs by itself and never because somebody asks."""
