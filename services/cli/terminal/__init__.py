"""What all commands share: printing, opening the resources, checking ports, and waiting for the stores.

Only the commands in `services.cli` import it.
"""
