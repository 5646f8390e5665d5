/* Points to pixels on the CPU: the same pixels in every browser, with a GPU or without. */

const FADED = 140; /* strength of 256 */

/* A round mark as [dx, dy, alpha of 256], without the corners that it does not reach. */
function makeMark(radius) {
  const reach = Math.ceil(radius);
  const mark = [];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const cover = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y)));
      if (cover > 0.04) mark.push(x, y, Math.round(216 * cover));
    }
  }
  return { reach, steps: Int16Array.from(mark) };
}

class Raster {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { alpha: false });
  }

  resize(width, height) {
    this.canvas.width = this.width = width;
    this.canvas.height = this.height = height;
    this.image = this.context.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  clear(colour) {
    this.pixels.fill((0xff000000 | colour) >>> 0);
  }

  /* Marks in the order in which they are drawn: where their middle is, and their colour. They lie
   * one after the other, for a mark that is looked up row by row misses the cache. */
  makeRoom(count) {
    this.places = new Int32Array(count); /* of the rows; -1 out of view */
    this.middles = new Int32Array(count);
    this.tints = new Int32Array(count);
  }

  /* Places the marks at x[row], y[row] by bins[row], below `binCount`: lower ones first, equal ones
   * in the order of the rows, those out of view nowhere. Rows in bins below `faintBins` get the
   * colour `faint`. */
  arrange(x, y, bins, binCount, faintBins, faint, colours, codes, mark) {
    const { width, height, places, middles, tints } = this;
    const right = width - mark.reach, bottom = height - mark.reach, left = mark.reach;
    const ends = new Uint32Array(binCount);
    for (let row = 0; row < places.length; row++) {
      const px = x[row] | 0, py = y[row] | 0;
      const isInView = px >= left && px < right && py >= left && py < bottom;
      places[row] = isInView ? py * width + px : -1;
      if (isInView) ends[bins[row]]++;
    }
    this.count = 0;
    for (let bin = 0; bin < binCount; bin++) {
      const inBin = ends[bin];
      ends[bin] = this.count; /* its beginning: its end once all rows have their place */
      this.count += inBin;
    }
    for (let row = 0; row < places.length; row++) {
      const place = places[row];
      if (place < 0) continue;
      const bin = bins[row], at = ends[bin]++;
      middles[at] = place;
      tints[at] = bin < faintBins ? faint : colours[codes[row]];
    }
    this.faintCount = ends[faintBins - 1];
  }

  draw(mark) {
    this.blend(0, this.faintCount, mark, FADED);
    this.blend(this.faintCount, this.count, mark, 256);
  }

  /* Red and blue are blended in one product, for neither reaches into the other's bits. */
  blend(from, to, { steps }, strength) {
    const { width, pixels, middles, tints } = this;
    const size = steps.length / 3, offsets = new Int32Array(size), alphas = new Int32Array(size);
    for (let i = 0; i < size; i++) {
      offsets[i] = steps[3 * i + 1] * width + steps[3 * i];
      alphas[i] = steps[3 * i + 2] * strength >> 8;
    }
    for (let at = from; at < to; at++) {
      const colour = tints[at], middle = middles[at];
      const redBlue = colour & 0xff00ff, green = colour & 0xff00;
      for (let i = 0; i < size; i++) {
        const pixel = middle + offsets[i], alpha = alphas[i];
        const below = pixels[pixel];
        const belowRedBlue = below & 0xff00ff, belowGreen = below & 0xff00;
        pixels[pixel] = 0xff000000 |
          (belowRedBlue + (Math.imul(redBlue - belowRedBlue, alpha) >> 8) & 0xff00ff) |
          (belowGreen + (Math.imul(green - belowGreen, alpha) >> 8) & 0xff00);
      }
    }
  }

  show() {
    this.context.putImageData(this.image, 0, 0);
  }
}
