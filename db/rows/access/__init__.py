"""SQL of API keys, signing keys, the audit log, and the requests of each key in the present minute."""
