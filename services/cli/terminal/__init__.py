"""What all commands share: printing, opening the resources, connecting to a server, and waiting for the stores.

Only the commands in `services.cli` import it.
"""
