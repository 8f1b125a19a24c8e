"""When to retrain (`triggers`), whether the new model is better (`gate`), and doing it (`promote`, `loop`)."""
