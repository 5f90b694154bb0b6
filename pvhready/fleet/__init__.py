"""Many machines: their JSON reports, made anywhere, as one table, one JSON document or one page."""
