"""A search service in the style of published projects: FastAPI, eager torch, single photos, a flat FAISS index.

    python -m tests.benchmarks.published_service DATA_DIR PORT

It embeds an uploaded photo with the live generation's network, and answers with the ids of the ten nearest photos. It
has no filters, listings or payloads. It serves only as a baseline for `tests.benchmarks.serving`.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import faiss
import numpy as np
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image

from db.rows import embeddings
from ml.embedding.torch_embedder import TorchEmbedder
from services.resources import Resources
from services.settings import Settings

if TYPE_CHECKING:
    from typing import Any


def build(data_dir: Path) -> FastAPI:
    """Load the model and the index; return the service."""
    resources = Resources(Settings(_env_file=None, data_dir=data_dir))
    bundle = resources.embedder().bundle
    embedder = TorchEmbedder(bundle, device="cpu")
    index = faiss.IndexFlatIP(bundle.vector_size)
    ids: list[int] = []
    with resources.database.read() as session:
        for points in embeddings.all_points(session, model_version=bundle.version):
            index.add(np.stack([point.vector for point in points]))
            ids += [point.photo_id for point in points]
    app = FastAPI()

    @app.post("/search")
    async def search(image: UploadFile) -> dict[str, Any]:
        picture = Image.open(io.BytesIO(await image.read())).convert("RGB")
        pixels = np.asarray(picture.resize((bundle.preprocessing.size, bundle.preprocessing.size)))
        scores, rows = index.search(embedder.embed(pixels[None]).vectors, 10)
        return {"ids": [ids[row] for row in rows[0]], "scores": scores[0].tolist()}

    return app


if __name__ == "__main__":
    uvicorn.run(build(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
