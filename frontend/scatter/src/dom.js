// Elements and colours.

/** An element with attributes; children are elements or text. Text is never read as HTML. */
export function make(tag, attributes = {}, ...children) {
  const space = ["svg", "path", "g", "text", "line"].includes(tag) ? "http://www.w3.org/2000/svg" : null;
  const element = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const ICONS = {
  move: "M8 1.5v13M1.5 8h13M8 1.5 6 3.5M8 1.5l2 2M8 14.5l-2-2M8 14.5l2-2M1.5 8l2-2M1.5 8l2 2M14.5 8l-2-2M14.5 8l-2 2",
  lasso: "M5 11.2C2.8 10.400 1.500 9 1.500 7.200 1.500 4.300 4.400 2 8 2s6.500 2.300 6.500 5.200S11.600 12.400 8 12.400c-.9 0-1.200 2-2.700 2-1 0-1.500-.6-1.500-1.400 0-1 .9-1.700 1.900-1.700s1.700.5 2.300 1.100",
  box: "M2 2h3M7 2h2M11 2h3v3M14 7v2M14 11v3h-3M9 14H7M5 14H2v-3M2 9V7M2 5V2",
  in: "M8 3v10M3 8h10",
  out: "M3 8h10",
  whole: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
};

/** A small button with a drawn sign and a name for readers who cannot see it. */
export function iconButton(icon, name, act) {
  const sign = make("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, make("path", { d: ICONS[icon] }));
  return make("button", { type: "button", title: name, "aria-label": name, onclick: act }, sign);
}

const ruler = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const known = new Map();

/** [r, g, b] in 0..255 of any CSS colour. */
export function rgb(css) {
  let found = known.get(css);
  if (!found) {
    ruler.canvas.width = ruler.canvas.height = 1;
    ruler.fillStyle = css;
    ruler.fillRect(0, 0, 1, 1);
    found = [...ruler.getImageData(0, 0, 1, 1).data].slice(0, 3);
    known.set(css, found);
  }
  return found;
}

export const hex = (colour) => "#" + colour.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("");

/** A number as a legend shows it. */
export function short(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.01 || size >= 1e5)) return value.toExponential(1);
  return String(+value.toFixed(size < 1 ? 2 : size < 100 ? 1 : 0));
}

export const count = (n) => n.toLocaleString("en-US");
