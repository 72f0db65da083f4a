/** Problems of the API in the words of buyers, who know neither fields nor keys nor servers. */

const OF_KIND = {
  key: ["This shop asks for a key", "Whoever runs it can give you one."],
  busy: ["The shop is busy", "Your search is kept. Try again in a moment."],
  broken: ["Something went wrong", "Your search is kept. Try again; if it happens again, tell whoever runs this shop."],
  refused: ["This search did not work", "Remove the filters, or choose another photo."],
};

const PHOTO = "This photo cannot be used";
const LINK = "This link leads to no photo";
const OF_REASON = {
  not_an_image: [PHOTO, "The file is not a photo. Choose a JPEG, PNG, WebP, HEIC or another picture."],
  unsupported_format: [PHOTO, "Save it as JPEG, PNG or WebP, then choose it again."],
  empty: [PHOTO, "The file is empty. Choose another one."],
  truncated: [PHOTO, "The file is cut off. Copy or download it again."],
  damaged: [PHOTO, "The file is damaged. Choose another one."],
  too_small: [PHOTO, "It is too small to compare. Choose a larger one, or a larger part of it."],
  too_large: [PHOTO, "The file is too large. Choose a smaller one."],
  too_many_bytes: [PHOTO, "The file is too large. Choose a smaller one."],
  too_many_pixels: [PHOTO, "It has too many pixels. Choose a smaller one."],
  too_long_side: [PHOTO, "It is too long or too wide. Choose another one."],
  not_found: [LINK, "There is no photo at this address. Copy the address of the photo again."],
  bad_url: [LINK, "An address starts with https://. Copy the address of the photo again."],
  unsupported_url: [LINK, "An address starts with https://. Copy the address of the photo again."],
  forbidden_address: [LINK, "Photos from this address are not loaded. Save the photo, then choose the file."],
  expired_url: [LINK, "The link has expired. Save the photo, then choose the file."],
  unreachable: [LINK, "The site did not answer. Save the photo, then choose the file."],
};

const OF_FIELD = {
  query_token: ["The photo of this search is gone", "Choose the photo again."],
  cursor: ["These results are out of date", "Search again to see more."],
  category: ["This category is empty", "Remove the filters to see every category."],
  price_min: ["The prices do not fit", "The lowest price is above the highest."],
  image_url: [LINK, "Copy the address of the photo again."],
  crop: ["This part cannot be searched", "Choose a larger part, or the whole photo."],
};

const OF_STATUS = {
  404: ["This is no longer here", "The listing or its photo was removed."],
  409: [
    "This cannot be searched yet",
    "Its photo is still being added. Try again in a moment, or choose another photo.",
  ],
  413: [PHOTO, "The file is too large. Choose a smaller one."],
  415: [PHOTO, "Choose a JPEG, PNG, WebP, HEIC or another picture."],
};

/**
 * Return `{title, detail}` for a problem.
 * @param problem a `Problem` of the API.
 */
export function inBuyersWords({ kind, title, detail, status, field, reason }) {
  if (!status) return { title, detail }; // the page's own words
  const [words, more] =
    OF_REASON[reason] ??
    OF_FIELD[field] ??
    (kind === "refused" ? OF_STATUS[status] : undefined) ??
    OF_KIND[kind] ??
    OF_KIND.broken;
  return { title: words, detail: more };
}
