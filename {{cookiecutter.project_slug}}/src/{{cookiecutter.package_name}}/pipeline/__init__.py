"""The stages in the order they run: format, trust, exploit, split, train, evaluate, export; before them `ingest`.

Each module has pure functions that turn data into data, and one `run(config, layout)` that reads,
calls them and writes.
"""
