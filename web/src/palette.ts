// Colours of numbers. The ramp is the one of Heed's pictures (src/lens/heat.cc): even steps of OKLCH's lightness
// (Ottosson 2020), which colour-blind eyes and grey prints tell apart.

export type Rgb = [number, number, number];

function encode(linear: number): number {
  const x = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * Math.pow(x, 1 / 2.4) - 0.055));
}

function fromOklch(lightness: number, chroma: number, degrees: number): Rgb {
  const hue = (degrees * Math.PI) / 180;
  const [a, b] = [chroma * Math.cos(hue), chroma * Math.sin(hue)];
  const l = Math.pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
  const m = Math.pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
  const s = Math.pow(lightness - 0.0894841775 * a - 1.291485548 * b, 3);
  return [
    encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encode(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

export const palettes: Record<string, (t: number) => Rgb> = {
  heat: (t) => fromOklch(0.24 + 0.7 * t, 0.09 + 0.09 * Math.pow(t, 4), 300 - 195 * t),
  blue: (t) => fromOklch(0.97 - 0.65 * t, 0.01 + 0.12 * Math.sin(Math.PI * Math.min(1, t) * 0.75), 255),
  grey: (t) => fromOklch(0.98 - 0.83 * t, 0, 0),
};

/** Of a number in [-1, 1]: blue below 0, orange above, light at 0. */
export function diverging(t: number): Rgb {
  const size = Math.min(1, Math.abs(t));
  return fromOklch(0.96 - 0.46 * size, 0.005 + 0.135 * size, t < 0 ? 255 : 50);
}

export const css = ([r, g, b]: Rgb): string => `rgb(${r}, ${g}, ${b})`;

/** Black or white, whichever is read better on the colour. */
export function ink([r, g, b]: Rgb): string {
  const linear = (x: number): number => Math.pow(x / 255, 2.2);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) > 0.19 ? "#000" : "#fff";
}

export interface Scale {
  greatest: number;
  smallest: number;
}

/** The weight that a byte of a tile stands for. */
export function weightOf(byte: number, scale: Scale): number {
  if (byte === 0) return 0;
  return scale.smallest * Math.pow(scale.greatest / scale.smallest, (byte - 1) / 254);
}

/** Where a weight lies between the ends of the colours, 0 to 1. */
export function place(weight: number, scale: Scale, how: string): number {
  if (!(weight > 0) || scale.greatest <= 0) return 0;
  if (how === "linear") return Math.min(1, weight / scale.greatest);
  const t = Math.log(weight / scale.smallest) / Math.log(scale.greatest / scale.smallest);
  return Math.min(1, Math.max(0, t));
}

/** The colours of the 256 bytes of a scale, as RGBA of a little-endian word, between the ends of another one. */
export function table(name: string, scale: Scale, how: string, ends = scale): Uint32Array {
  const colours = new Uint32Array(256);
  const colour = palettes[name] ?? palettes.heat;
  for (let byte = 0; byte < 256; ++byte) {
    const [r, g, b] = colour(place(weightOf(byte, scale), ends, how));
    colours[byte] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  return colours;
}

/** A picture of bytes. */
export function paint(bytes: Uint8Array, columns: number, colours: Uint32Array): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, columns);
  canvas.height = Math.max(1, Math.floor(bytes.length / Math.max(1, columns)));
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(canvas.width, canvas.height);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < words.length; ++i) words[i] = colours[bytes[i]];
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Three significant digits, or so many. */
export function short(x: number, digits = 3): string {
  if (!Number.isFinite(x)) return String(x);
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 0.001 && size < 1000) return String(Number(x.toPrecision(digits)));
  return x.toExponential(1);
}
