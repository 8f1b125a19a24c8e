"""From rows to a portable model: `automl` (PyCaret), `onnx_export` (its pipeline as ONNX), `bundle` (served)."""
