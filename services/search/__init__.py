"""The search app: finds listings that look like a photo, and serves the page.

`services.cli` and `services.bench` import it. Its rooms, from the top: `app`, `rest` and `page`, `service`, `results`,
`query` and `retrieval`, `stage_times`.
"""
