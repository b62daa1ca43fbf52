// The view as a file: SVG with a circle a cell up to 50,000 cells on screen, above that a picture in a vector frame; PNG.

import { count, hex, rgb, short } from "./dom.js";
import { FULL, NOWHERE } from "./grid.js";
import { svgPath } from "./outline.js";

const MOST_CIRCLES = 50_000;
const LEGEND = 200; // pixels
const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);

/** Rows on screen in the order in which they are drawn. */
function onScreen(scatter) {
  const { places, codes, lit, legend, view, shown } = scatter;
  const [left, bottom, right, top] = view.visible().map((share) => share * FULL);
  const rows = [];
  for (let row = 0; row < shown.n; row++) {
    const x = places[2 * row], y = places[2 * row + 1];
    if (x !== NOWHERE && x >= left && x <= right && y >= bottom && y <= top && !legend.hidden.has(codes[row])) rows.push(row);
  }
  const byCode = shown.kind === "amount" || shown.kind === "blend";
  const depth = (row) => (lit?.[row] ? 1000 : 0) + (byCode ? codes[row] : 0);
  return rows.sort((a, b) => depth(a) - depth(b));
}

function circles(scatter, rows) {
  const { view, places, codes, lit, shown } = scatter;
  const paper = scatter.paper(), radius = scatter.size() / 2;
  const parts = [];
  let open = "";
  for (const row of rows) {
    const colour = rgb(shown.palette[codes[row]]);
    const faded = lit && !lit[row] ? colour.map((part, i) => paper[i] + 0.2 * (part - paper[i])) : colour;
    const look = `fill="${hex(faded)}"`;
    if (look !== open) {
      parts.push(open ? "</g>" : "", `<g ${look}>`);
      open = look;
    }
    const [x, y] = view.toScreen(view.box[0] + (places[2 * row] / FULL) * view.w, view.box[1] + (places[2 * row + 1] / FULL) * view.h);
    const r = lit?.[row] ? Math.max(radius * 1.25, 1.1) : radius;
    parts.push(`<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${r.toFixed(2)}"/>`);
  }
  return parts.join("") + (open ? "</g>" : "");
}

/** The points alone as an address of a PNG, drawn with ``sharp`` device pixels a CSS pixel. */
function raster(scatter, sharp) {
  const { canvas, view } = scatter;
  const before = scatter.ratio;
  scatter.ratio = sharp;
  Object.assign(canvas, { width: Math.round(view.width * sharp), height: Math.round(view.height * sharp) });
  scatter.frame(1);
  const address = canvas.toDataURL("image/png"); // in the same task as the drawing: later the canvas may be empty
  scatter.ratio = before;
  scatter.resize();
  return address;
}

function legend({ shown: data, legend: its }, x) {
  const text = (px, py, words, more = "") => `<text x="${px}" y="${py}" ${more}>${escape(words)}</text>`;
  const cut = (words, most) => (words.length > most ? words.slice(0, most - 1) + "…" : words);
  const parts = [text(x, 24, cut(data.name, 26), 'font-weight="600"')];
  if (data.kind === "amount") {
    const stops = data.palette.slice(0, data.shades).map((c, i) => [i / (data.shades - 1), c]).filter((_, i, all) => i % 9 === 0 || i === all.length - 1);
    const ramp = stops.map(([at, colour]) => `<stop offset="${at}" stop-color="${hex(rgb(colour))}"/>`).join("");
    parts.push(`<linearGradient id="ramp" x1="0" y1="1" x2="0" y2="0">${ramp}</linearGradient>`);
    parts.push(`<rect x="${x}" y="36" width="12" height="160" fill="url(#ramp)"/>`);
    parts.push(text(x + 20, 46, short(data.high)), text(x + 20, 196, `${short(data.low)} ${data.unit}`.trim()));
  } else if (data.kind === "blend") {
    data.labels.forEach((label, i) => {
      const ends = [data.palette[0], data.channels[i]].map((c, at) => `<stop offset="${at}" stop-color="${hex(rgb(c))}"/>`);
      parts.push(`<linearGradient id="ink${i}">${ends.join("")}</linearGradient>`);
      parts.push(text(x, 48 + 34 * i, cut(label, 26)), `<rect x="${x}" y="${53 + 34 * i}" width="110" height="8" fill="url(#ink${i})"/>`);
    });
  } else {
    let y = 46;
    data.labels.forEach((label, code) => {
      if (its.hidden.has(code)) return;
      parts.push(`<circle cx="${x + 6}" cy="${y - 4}" r="5" fill="${hex(rgb(data.palette[code]))}"/>`);
      parts.push(text(x + 18, y, `${cut(label, 20)} (${count(data.counts[code])})`));
      y += 20;
    });
  }
  return parts.join("");
}

/** The whole figure as SVG text. */
export function figure(scatter, { vector, sharp = 2 }) {
  const { shown: data, view, legend: its } = scatter;
  const rows = vector ? onScreen(scatter) : [];
  const asCircles = vector && rows.length <= MOST_CIRCLES;
  const groups = data.kind === "amount" || data.kind === "blend" ? 0 : data.labels.length - its.hidden.size;
  const width = Math.round(view.width) + LEGEND, height = Math.max(Math.round(view.height), 60 + 20 * groups);
  const style = getComputedStyle(scatter.root);
  const ink = hex(rgb(style.color)), accent = hex(rgb(style.getPropertyValue("--st-primary-color").trim() || "#3355cc"));
  const outline = scatter.outline ? scatter.outline.map(([x, y]) => view.toScreen(x, y)) : null;
  const cells = asCircles
    ? circles(scatter, rows)
    : `<image width="${view.width}" height="${view.height}" href="${raster(scatter, sharp)}"/>`;
  const middle = view.height - 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" \
font-family="Source Sans 3, Source Sans Pro, Helvetica, Arial, sans-serif" font-size="13" fill="${ink}">\
<title>${escape(data.alt)}${vector && !asCircles ? ` (${count(rows.length)} cells, drawn as a picture)` : ""}</title>\
<rect width="${width}" height="${height}" fill="${hex(scatter.paper())}"/>\
<clipPath id="stage"><rect width="${view.width}" height="${view.height}"/></clipPath><g clip-path="url(#stage)">${cells}\
${outline ? `<path d="${svgPath(outline)}" fill="none" stroke="${accent}" stroke-width="1.5"/>` : ""}</g>\
<text x="12" y="${middle}" font-size="12">${escape(data.axes[0])} →</text>\
<text x="14" y="${middle - 22}" font-size="12" transform="rotate(-90 14 ${middle - 22})">${escape(data.axes[1])} →</text>\
${legend(scatter, view.width + 12)}</svg>`;
}

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function saveSvg(scatter) {
  if (scatter.shown) save(new Blob([figure(scatter, { vector: true })], { type: "image/svg+xml" }), `${scatter.shown.file}.svg`);
}

export async function savePng(scatter) {
  if (!scatter.shown) return;
  const sharp = 2;
  const picture = new Image();
  picture.src = URL.createObjectURL(new Blob([figure(scatter, { vector: false, sharp })], { type: "image/svg+xml" }));
  await picture.decode();
  const sheet = Object.assign(document.createElement("canvas"), { width: picture.width * sharp, height: picture.height * sharp });
  sheet.getContext("2d").drawImage(picture, 0, 0, sheet.width, sheet.height);
  URL.revokeObjectURL(picture.src);
  sheet.toBlob((blob) => save(blob, `${scatter.shown.file}.png`), "image/png");
}
