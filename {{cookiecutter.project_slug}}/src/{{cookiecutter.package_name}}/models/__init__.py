"""From rows to a portable model: `automl` (PyCaret), `onnx_export` (PyCaret pipeline to ONNX), `bundle` (the folder that is served)."""
