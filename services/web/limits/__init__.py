"""Limits of a serving process: of connections and bodies, of waiting work, and of calls per API key.

Only `services.web` and the code that builds or serves an app import it.
"""
