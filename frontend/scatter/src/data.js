// Arrays by their address. Addresses name the content, so what was fetched once is never fetched again on this page.

const MOST = 128 * 2 ** 20; // bytes kept; the least recently used go first
const kept = (globalThis.__virtualcellArrays ??= new Map());

async function download(url) {
  const answer = await fetch(url, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${answer.status} for ${url}`);
  const plain = answer.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

function forgetOldest() {
  let bytes = 0;
  for (const entry of kept.values()) bytes += entry.bytes;
  for (const [url, entry] of kept) {
    if (bytes <= MOST || kept.size <= 2) return;
    if (entry.bytes === 0) continue; // still on its way
    bytes -= entry.bytes;
    kept.delete(url);
  }
}

/** The unzipped bytes behind an address, as a promise of a Uint8Array. Nobody may change them. */
export function bytesAt(url) {
  let entry = kept.get(url);
  if (entry) kept.delete(url); // put back below as the most recent
  else {
    entry = { bytes: 0 };
    entry.promise = download(url).then(
      (found) => {
        entry.bytes = found.byteLength;
        forgetOldest();
        return found;
      },
      (error) => {
        kept.delete(url); // may be asked for again
        throw error;
      },
    );
  }
  kept.set(url, entry);
  return entry.promise;
}

/** Lines of a text behind an address. */
export async function linesAt(url) {
  return new TextDecoder().decode(await bytesAt(url)).split("\n");
}
