"""What browsers may do: which pages may call a server, under which host names, and how its answers may be shown.

Until a key exists, whoever reaches the server may do everything, and every page that a user opens reaches a server on
the user's machine. Only `services.web` imports it.
"""
