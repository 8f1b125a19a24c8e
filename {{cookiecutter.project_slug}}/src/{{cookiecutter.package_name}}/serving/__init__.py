"""The model as a service. `app` builds it, `rollout` decides which model answers, `service` answers without HTTP."""
