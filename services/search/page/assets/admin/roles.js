/** The roles of the files in a bulk upload. */

const LISTINGS = /\.(csv|tsv|tab|txt|json|jsonl|ndjson)(\.gz)?$|\.(parquet|xlsx)$/i;
const PHOTOS_TABLE =
  /(photo|image)s?[^/]*\.(csv|tsv|tab|txt|json|jsonl|ndjson)(\.gz)?$|(photo|image)s?[^/]*\.(parquet|xlsx)$/i;
const PHOTOS = /\.(zip|tar|tar\.gz|tgz)$/i;

/** Labels by name of the form field; a file without a role is not sent. */
export const ROLES = {
  listings: "Listings",
  photos_table: "Photo table",
  photos: "Photos",
  "": "Do not send",
};

/** Guess the role of a file by its name. */
export function guessed(name) {
  if (PHOTOS.test(name)) return "photos";
  if (PHOTOS_TABLE.test(name)) return "photos_table";
  return LISTINGS.test(name) ? "listings" : "";
}

/** Return why files with these roles cannot be sent; "" if they can. */
export function lacking(roles) {
  const given = roles.filter(Boolean);
  const twice = given.find((role, place) => given.indexOf(role) !== place);
  if (twice) return `Two files are marked as ${ROLES[twice].toLowerCase()}; choose one.`;
  if (!given.includes("listings")) return "Add a file with the listings.";
  return "";
}
