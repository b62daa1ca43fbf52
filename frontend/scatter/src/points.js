// Points on one WebGL2 canvas: one buffer of positions, one byte of colour code a cell, one byte that says whether it is lit.

const VERTEX = `#version 300 es
in vec2 place;      // shares of the bounding box; 1 is "no place"
in float code;
in float lit;
uniform vec4 clip;
uniform vec2 size;  // of unlit and lit points, device pixels
uniform vec4 rule;  // some are lit, depth by code, share that fading leaves, -
uniform vec3 paper;
uniform sampler2D palette;
out vec4 colour;
void main() {
  colour = texelFetch(palette, ivec2(int(code), 0), 0);
  bool up = lit > 0.5;
  if (place.x > 0.99999 || colour.a < 0.5) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); gl_PointSize = 1.0; return; }
  if (rule.x > 0.5 && !up) colour.rgb = mix(paper, colour.rgb, rule.z);
  // Nearest is 0: lit cells before unlit ones, then cells with much before cells with little.
  float depth = (rule.x > 0.5 && up ? 0.0 : 0.5) + (rule.y > 0.5 ? 0.4 * (1.0 - code / 255.0) : 0.2);
  gl_Position = vec4(place * (65535.0 / 65534.0) * clip.xy + clip.zw, depth * 2.0 - 1.0, 1.0);
  gl_PointSize = rule.x > 0.5 && up ? size.y : size.x;
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 colour;
uniform float square; // small points are squares: an edge of half a pixel would only cost time
out vec4 drawn;
void main() {
  if (square < 0.5) {
    vec2 from = gl_PointCoord - 0.5;
    if (dot(from, from) > 0.25) discard;
  }
  drawn = vec4(colour.rgb, 1.0);
}`;

function program(gl) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  ["place", "code", "lit"].forEach((name, place) => gl.bindAttribLocation(made, place, name));
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(made));
  return made;
}

export class Points {
  /** Throws where the browser has no WebGL2. */
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { alpha: true, antialias: false, depth: true, powerPreference: "high-performance" });
    if (!this.gl) throw new Error("no WebGL2");
    this.n = 0;
    this.begin();
  }

  /** Also called when a lost context came back: everything is uploaded again. */
  begin() {
    const { gl } = this;
    this.program = program(gl);
    this.at = Object.fromEntries(
      ["clip", "size", "rule", "paper", "palette", "square"].map((name) => [name, gl.getUniformLocation(this.program, name)]),
    );
    this.buffers = [gl.createBuffer(), gl.createBuffer(), gl.createBuffer()];
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL); // of equals the later cell is on top, in the order of the rows
  }

  fill(which, array) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[which]);
    gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
  }

  setPlaces(places) {
    this.n = places.length / 2;
    this.fill(0, places);
  }

  setCodes(codes) {
    this.fill(1, codes);
  }

  /** lit: Uint8Array of 0 and 1 a cell, or null. */
  setLit(lit) {
    this.someLit = lit !== null;
    if (lit) this.fill(2, lit);
  }

  /** palette: Uint8Array of 256 RGBA colours; alpha 0 hides. */
  setPalette(palette) {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, palette);
  }

  /**
   * Draws every ``stride``-th cell. clip: from View.clip(); size: CSS pixels; ratio: device pixels a CSS pixel;
   * byCode: cells with a higher code on top; paper: [r, g, b] in 0..1. Returns seconds until the pixels were there
   * where ``timed``, otherwise nothing.
   */
  draw({ clip, size, ratio, byCode, paper, stride = 1, timed = false }) {
    const { gl } = this;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    if (!this.n) return 0;
    const start = performance.now();
    gl.useProgram(this.program);
    // A stride in the buffers draws a part of the cells without another buffer; at most 255 bytes are allowed.
    const attribute = (place, width, kind, normal, bytes) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[place]);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, width, kind, normal, bytes * stride, 0);
    };
    attribute(0, 2, gl.UNSIGNED_SHORT, true, 4);
    attribute(1, 1, gl.UNSIGNED_BYTE, false, 1);
    if (this.someLit) attribute(2, 1, gl.UNSIGNED_BYTE, false, 1);
    else {
      gl.disableVertexAttribArray(2);
      gl.vertexAttrib1f(2, 0);
    }
    gl.uniform4fv(this.at.clip, clip);
    gl.uniform2f(this.at.size, size * ratio, Math.max(size * 1.25, 2.2) * ratio);
    gl.uniform4f(this.at.rule, this.someLit ? 1 : 0, byCode ? 1 : 0, 0.2, 0);
    gl.uniform3fv(this.at.paper, paper);
    gl.uniform1f(this.at.square, size * ratio <= 3 ? 1 : 0);
    gl.uniform1i(this.at.palette, 0);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.drawArrays(gl.POINTS, 0, Math.floor((this.n - 1) / stride) + 1);
    if (!timed) return 0;
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4)); // waits for the pixels
    return (performance.now() - start) / 1000;
  }

  end() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext(); // a browser holds about 16 contexts
  }
}
