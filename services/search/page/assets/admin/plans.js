/** Names of indexes, and of the ways to search them. */

const ENGINES = { faiss: "FAISS", qdrant: "Qdrant" };
const WAYS = {
  exact: "every photo compared",
  ivf: "by clusters (IVF)",
  hnsw: "by a graph (HNSW)",
  acorn: "by a graph, under filters (ACORN)",
};

export const engineName = (engine) => ENGINES[engine] ?? engine;

/** Return the name of a plan, such as `faiss ivf`. */
export function planName(plan) {
  const [engine, ...way] = plan.split(" ");
  const named = WAYS[way.join(" ").toLowerCase()] ?? way.join(" ");
  return named ? `${engineName(engine)}: ${named}` : engineName(engine);
}
