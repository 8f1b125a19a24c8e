"""Raw files in, a monitored model behind an HTTP API out.

Start reading at `cli` (one command per step), then `pipeline` (the stages in the order they run),
`models`, `registry`, `serving`, `monitoring` and `retraining`.
"""

import os

# ONNX Runtime, MLflow and Evidently would tell their makers what is done with them; here nobody has been asked.
for _silence in ("ORT_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "ITERATIVE_DO_NOT_TRACK"):
    os.environ.setdefault(_silence, "1")
