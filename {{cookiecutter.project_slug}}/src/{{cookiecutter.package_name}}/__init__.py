"""Raw files in, a monitored model behind an HTTP API out.

Start reading at `cli` (one command per step), then `pipeline` (the stages in the order they run),
`models`, `registry`, `serving`, `monitoring` and `retraining`.
"""
