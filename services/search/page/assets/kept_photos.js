/**
 * The user's own photos, kept until the tab is closed: a reload, an error or an expired token loses none.
 *
 * The browser's session storage takes about 5 MB of text, so photos are stored small, and the oldest make room.
 */

const PREFIX = "lookalike-photo:";
const ORDER = "lookalike-photos";
const LONGEST_SIDE = 1024;
const SMALL_ENOUGH = 200_000; // bytes
const MOST = 8;
const MOST_TEXT = 2_000_000; // characters of one photo

/** Keep a photo under a name. Whatever cannot be stored is only kept by the page. */
export async function keepPhoto(name, photo) {
  const small = photo.size <= SMALL_ENOUGH ? photo : ((await shrunk(photo, LONGEST_SIDE, 0.85)) ?? photo);
  const text = await textOf(small).catch(() => "");
  if (!text || text.length > MOST_TEXT) return;
  const names = [name, ...stored().filter((one) => one !== name)];
  while (names.length > MOST) dropPhoto(names.pop());
  for (;;) {
    try {
      sessionStorage.setItem(PREFIX + name, text);
      sessionStorage.setItem(ORDER, JSON.stringify(names));
      return;
    } catch {
      if (names.length === 1) return dropPhoto(name); // it alone is too large, or nothing is stored at all
      dropPhoto(names.pop());
    }
  }
}

/** Return the photo kept under a name; null if there is none. */
export function keptPhoto(name) {
  try {
    const [, type, content] = /^data:([^;,]*).*?,(.*)$/s.exec(sessionStorage.getItem(PREFIX + name));
    return new Blob([Uint8Array.from(atob(content), (one) => one.charCodeAt(0))], { type });
  } catch {
    return null;
  }
}

/**
 * Return the photo as a JPEG with no side longer than `side`; null if the browser cannot decode it.
 * Transparency becomes white, as on the server.
 */
export async function shrunk(photo, side, quality) {
  try {
    const bitmap = await createImageBitmap(photo);
    const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
    const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    const drawing = canvas.getContext("2d");
    drawing.fillStyle = "#fff";
    drawing.fillRect(0, 0, canvas.width, canvas.height);
    drawing.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return await canvas.convertToBlob({ type: "image/jpeg", quality });
  } catch {
    return null;
  }
}

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(ORDER)) ?? [];
  } catch {
    return [];
  }
}

/** Drop the photo kept under a name. */
export function dropPhoto(name) {
  try {
    sessionStorage.removeItem(PREFIX + name);
    sessionStorage.setItem(ORDER, JSON.stringify(stored().filter((one) => one !== name)));
  } catch {
    // nothing is stored
  }
}

const textOf = (photo) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(photo);
  });
