"""What both apps share: access control, problem details, limits, health, metrics, and the assembly of an app.

The search and ingest apps, the command line and `services.resources` may import it; it imports none of them.
"""
