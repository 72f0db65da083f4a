/** Photos of the API, which need a key and so cannot be loaded by address alone, and the user's own photos. */

import { send } from "./api.js";
import { keepPhoto, keptPhoto, shrunk } from "./kept_photos.js";

const MOST_KEPT = 400;
/** Attempts for a photo that a busy server does not make at once, and the longest pause before one. */
const MOST_ATTEMPTS = 4;
const LONGEST_PAUSE_S = 20;
const USUAL_PAUSE_S = 2;
const loading = new Map();

/** Fetch a photo once, and resolve to an address that an <img> can show. */
export function loaded(path) {
  if (!path.startsWith("/v1/")) return Promise.resolve(path);
  if (!loading.has(path)) {
    const address = patiently(() => send(path, { accept: "image/webp,image/*" })).then(async (response) =>
      URL.createObjectURL(await response.blob()),
    );
    address.catch(() => loading.delete(path));
    loading.set(path, address);
    for (const [oldest, gone] of loading) {
      if (loading.size <= MOST_KEPT) break;
      loading.delete(oldest);
      gone.then(URL.revokeObjectURL, () => {});
    }
  }
  return loading.get(path);
}

/** Call `ask`; while the server is busy, wait as long as it says and call again. */
async function patiently(ask) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (problem) {
      if (problem.kind !== "busy" || attempt === MOST_ATTEMPTS) throw problem;
      const pause = Math.min(problem.retryAfter ?? USUAL_PAUSE_S, LONGEST_PAUSE_S);
      // Spread, so that the photos of a page do not all ask again at the same moment.
      await new Promise((resolve) => setTimeout(resolve, 1000 * pause * (1 + Math.random() / 2)));
    }
  }
}

const inSight = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      inSight.unobserve(entry.target);
      entry.target.load();
    }
  },
  { rootMargin: "400px" },
);

/**
 * `<api-photo src alt>`: a photo of the API, fetched when it scrolls into view.
 *
 * Fires `photo-shown` or `photo-failed`; the `detail` of the latter is the status of the answer.
 */
class ApiPhoto extends HTMLElement {
  static observedAttributes = ["src", "alt"];

  #image = document.createElement("img");

  connectedCallback() {
    if (!this.#image.isConnected) {
      this.#image.decoding = "async";
      this.#image.onload = () => this.#tell("shown");
      this.#image.onerror = () => this.#tell("failed");
      this.append(this.#image);
    }
    inSight.observe(this);
  }

  disconnectedCallback() {
    inSight.unobserve(this);
  }

  attributeChangedCallback(name, before, now) {
    if (name === "alt") this.#image.alt = now ?? "";
    else if (before !== now) {
      this.#tell("");
      inSight.unobserve(this);
      if (this.isConnected) inSight.observe(this);
    }
  }

  async load() {
    const path = this.getAttribute("src");
    if (!path) return;
    try {
      const address = await loaded(path);
      if (path === this.getAttribute("src")) this.#image.src = address;
    } catch (problem) {
      if (path === this.getAttribute("src")) this.#tell("failed", problem.status);
    }
  }

  #tell(state, detail) {
    this.dataset.state = state;
    if (state) this.dispatchEvent(new CustomEvent(`photo-${state}`, { bubbles: true, detail }));
  }
}

customElements.define("api-photo", ApiPhoto);

/** Retry the photos that failed to load, after a reconnect or with another key. */
export function tryFailedPhotos() {
  for (const photo of document.querySelectorAll("api-photo[data-state=failed]")) photo.load();
}

addEventListener("online", tryFailedPhotos);

/** Return the address of a thumbnail for a `photo_url`. */
export const thumbnail = (photoUrl, size) => `${photoUrl.replace("?", "/thumbnail?")}&size=${size}`;

const LONGEST_SIDE = 2048;
const SMALL_ENOUGH = 2 * 1024 * 1024;

/**
 * Shrink a large photo to a smaller JPEG, which uploads faster and looks the same to the model. A file that the browser
 * cannot decode is returned unchanged: the server explains what is wrong with it.
 */
export const toSend = async (file) =>
  file.size <= SMALL_ENOUGH ? file : ((await shrunk(file, LONGEST_SIDE, 0.92)) ?? file);

/** The user's own photos by query token, with the address that shows them. */
const own = new Map();
const MOST_OWN = 20;

/**
 * Remember the user's own photo by its query token, to show it without a request and to send it again.
 * @param photo its bytes; or its address, if the token stands for a crop.
 */
export async function remember(token, photo) {
  if (!token) return;
  if (photo instanceof Blob) {
    own.set(token, { address: (await isShowable(photo)) ? URL.createObjectURL(photo) : null, photo });
    keepPhoto(token, photo);
  } else own.set(token, { address: photo });
  if (own.size <= MOST_OWN) return;
  const [[oldest, { address }]] = own;
  own.delete(oldest);
  if (address && ![...own.values()].some((one) => one.address === address)) URL.revokeObjectURL(address);
}

/** Whether the browser can show a photo; many cannot show HEIC and TIFF. The server's copy is shown instead. */
async function isShowable(photo) {
  if (isUsual(photo)) return true;
  try {
    (await createImageBitmap(photo)).close();
    return true;
  } catch {
    return false;
  }
}

const isUsual = ({ type }) => /^image\/(jpeg|png|webp|gif)$/.test(type);

/** Return what is known of a token's photo; a reload leaves what `keptPhoto` has. */
function known(token) {
  if (own.has(token)) return own.get(token);
  const photo = keptPhoto(token);
  if (!photo) return {};
  own.set(token, { address: isUsual(photo) ? URL.createObjectURL(photo) : null, photo });
  return own.get(token);
}

/** Return the address of a query token's photo. */
export const ofToken = (token) =>
  known(token).address ?? `/v1/search/photo?${new URLSearchParams({ query_token: token })}`;

/** Return the photo's bytes if it was sent from this tab, else null. */
export const bytesOf = (token) => known(token).photo ?? null;
