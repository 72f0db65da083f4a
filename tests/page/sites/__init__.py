"""The page and other servers: foreign sites, host names, an ingest service of its own."""
