"""Access control: API keys with roles, wrong keys, rate limits per key, and the audit log.

Until the first key is created, every caller has full access; by default the server listens on this machine only.
"""
