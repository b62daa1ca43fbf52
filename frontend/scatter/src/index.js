// What Streamlit calls: once when the map appears, and again whenever Python or the theme has something new to say.

import { Scatter } from "./scatter.js";

export default function ({ parentElement, data, setStateValue }) {
  const host = parentElement;
  host.__scatter ??= new Scatter(host);
  host.__scatter.update(data, setStateValue);
  return () => {
    host.__scatter?.end();
    delete host.__scatter;
  };
}
