/* Colours of points: one per class, or a ramp over numbers. */

/* OKLCH to sRGB, after Björn Ottosson, https://bottosson.github.io/posts/oklab/. */
function oklch(lightness, chroma, hue) {
  const a = chroma * Math.cos(hue * Math.PI / 180), b = chroma * Math.sin(hue * Math.PI / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3;
  return [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s].map((linear) => {
    const x = Math.min(1, Math.max(0, linear));
    return Math.round(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055));
  });
}

/* Hues by the golden angle: classes that follow one another look unlike. */
function classColours(count, isDark) {
  const lightness = isDark ? [0.78, 0.66, 0.88] : [0.62, 0.5, 0.72];
  return Array.from({ length: count }, (_, i) => oklch(lightness[i % 3], 0.15, i * 137.508));
}

const RAMP_STEPS = 256;

function rampColours(isDark) {
  return Array.from({ length: RAMP_STEPS }, (_, i) => {
    const x = i / (RAMP_STEPS - 1);
    return oklch(isDark ? 0.4 + 0.5 * x : 0.8 - 0.45 * x, 0.13, 260 - 215 * x);
  });
}

function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

/* As ImageData lies in memory on a little-endian machine, which all browsers' are. */
function packed([red, green, blue]) {
  return red | green << 8 | blue << 16;
}

/* codes [count] into colours [], by a column of the data. */
function colouring(column, isDark) {
  if (column.values) {
    return { codes: column.codes, colours: classColours(column.values.length, isDark) };
  }
  const [low, high] = column.range;
  const scale = high > low ? (RAMP_STEPS - 1) / (high - low) : 0;
  const codes = new Uint16Array(column.numbers.length);
  for (let i = 0; i < codes.length; i++) codes[i] = Math.round((column.numbers[i] - low) * scale);
  return { codes, colours: rampColours(isDark) };
}
