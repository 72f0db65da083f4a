"""The HTTP server that runs an app: uvicorn with limits, a request log, and an orderly end."""
