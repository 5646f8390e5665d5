/* Points to pixels on the CPU: the same pixels in every browser, with a GPU or without. */

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

  /* Blends one mark for each of `order[from..to)`, the rows in the order in which they are
   * drawn, at x[row], y[row]. Red and blue are blended in one product, for neither reaches into
   * the other's bits. */
  draw(order, from, to, x, y, colours, codes, mark, strength) {
    const { width, height, pixels } = this;
    const { reach, steps } = mark;
    const right = width - reach, bottom = height - reach;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const px = x[row] | 0, py = y[row] | 0;
      if (!(px >= reach && px < right && py >= reach && py < bottom)) continue;
      const colour = colours[codes[row]];
      const redBlue = colour & 0xff00ff, green = colour & 0xff00;
      const centre = py * width + px;
      for (let step = 0; step < steps.length; step += 3) {
        const pixel = centre + steps[step + 1] * width + steps[step];
        const alpha = steps[step + 2] * strength >> 8;
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
