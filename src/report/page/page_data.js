/* The data of the page, as src/report/page_blocks.h describes them. Every function reads blocks of
 * the document; nothing is fetched. */

function blockText(name) {
  const block = document.getElementById('data-' + name);
  return block === null ? null : block.textContent;
}

function bytesOfBase64(text) {
  if (typeof Uint8Array.fromBase64 === 'function') return Uint8Array.fromBase64(text);
  const binary = atob(text.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(name) {
  const stream = new Blob([bytesOfBase64(blockText(name))]).stream()
    .pipeThrough(new DecompressionStream('deflate'));
  return new Response(stream).arrayBuffer();
}

/* Numbers of 16 bits over [low, high], as the page's C code made them. */
function dequantise(steps, [low, high]) {
  const values = new Float32Array(steps.length);
  const scale = (high - low) / 65535;
  for (let i = 0; i < steps.length; i++) values[i] = low + steps[i] * scale;
  return values;
}

function splitPaths(buffer, count) {
  const bytes = new Uint8Array(buffer);
  const decoder = new TextDecoder();
  const paths = new Array(count);
  for (let i = 0, start = 0; i < count; i++) {
    const end = bytes.indexOf(0, start);
    paths[i] = decoder.decode(bytes.subarray(start, end));
    start = end + 1;
  }
  return paths;
}

/* Distances that grow with unlikeness, nearest first, and the rows they lead to: planes of
 * `count`, the first those of the nearest. A row without so many neighbours has -1. */
async function loadNeighbours(head) {
  if (head.neighbours === null) return null;
  const steps = new Int32Array(await inflate('neighbours'));
  const distances = new Float32Array(await inflate('distances'));
  const rows = new Int32Array(steps.length);
  for (let i = 0; i < steps.length; i++) rows[i] = steps[i] === 0 ? -1 : steps[i] + i % head.count;
  return { k: head.neighbours.k, rows, distances };
}

async function loadReview(head) {
  if (head.neighbours === null) return null;
  return new Review(head.review, {
    outlierRows: new Uint32Array(await inflate('outlier-rows')),
    outlierScores: new Float32Array(await inflate('outlier-scores')),
    merges: new Uint32Array(await inflate('merges')),
    diameters: new Float32Array(await inflate('diameters')),
  });
}

async function loadColumns(head) {
  const columns = [];
  for (let i = 0; i < head.columns.length; i++) {
    const steps = new Uint16Array(await inflate('column-' + i));
    const column = head.columns[i];
    columns.push(column.values
      ? { name: column.name, values: column.values, codes: steps }
      : { name: column.name, numbers: dequantise(steps, column.range), range: column.range });
  }
  return columns;
}

/* The axes of the map: a layout first where there is one, then the components. */
async function loadAxes(head) {
  const axes = [];
  for (const axis of head.axes) {
    const steps = new Uint16Array(await inflate('axis-' + axes.length));
    axes.push({ name: axis.name, values: dequantise(steps, axis.range), range: axis.range });
  }
  return axes;
}

async function loadData() {
  const head = JSON.parse(blockText('head'));
  const labels = { name: 'label', values: head.labels,
    codes: new Uint16Array(await inflate('labels')) };
  return {
    head,
    count: head.count,
    labels,
    columns: [labels, ...await loadColumns(head)],
    axes: await loadAxes(head),
    paths: splitPaths(await inflate('paths'), head.count),
    neighbours: await loadNeighbours(head),
    review: await loadReview(head),
  };
}

/* --- Thumbnails --------------------------------------------------------- */

class Thumbnails {
  constructor(description) {
    this.description = description;
    this.sheets = new Map();
  }

  /* The sheet that holds a row's picture: an ImageBitmap, or null until it is decoded; then
   * `whenThere` is called. */
  sheet(number, whenThere) {
    const kept = this.sheets.get(number);
    if (kept !== undefined) {
      if (!(kept instanceof Promise)) return kept;
      if (whenThere) kept.then(whenThere);
      return null;
    }
    const blob = new Blob([bytesOfBase64(blockText('sheet-' + number))],
      { type: this.description.type });
    const coming = createImageBitmap(blob).then((bitmap) => this.sheets.set(number, bitmap));
    this.sheets.set(number, coming);
    if (whenThere) coming.then(whenThere);
    return null;
  }

  /* Draws the picture of `row` into the square at x, y; false where it is not there yet. */
  draw(context, row, x, y, side, whenThere) {
    if (this.description === null) return false;
    const { size, across, down } = this.description;
    const sheet = this.sheet(Math.floor(row / (across * down)), whenThere);
    if (sheet === null) return false;
    const place = row % (across * down);
    context.drawImage(sheet, (place % across) * size, Math.floor(place / across) * size, size, size,
      x, y, side, side);
    return true;
  }

  /* A canvas of `side` pixels with the picture of `row`, drawn when it is there. */
  canvas(row, side) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = side;
    canvas.setAttribute('aria-hidden', 'true');
    const context = canvas.getContext('2d');
    const draw = () => this.draw(context, row, 0, 0, side, null);
    if (!this.draw(context, row, 0, 0, side, draw) && this.description === null) canvas.hidden = true;
    return canvas;
  }
}
