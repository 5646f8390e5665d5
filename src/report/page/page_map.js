/* The map: where the points are, what is highlighted, and how it is moved. */

const MOST_PICTURES = 600; /* more would cover one another */
const SHARPEST = 1.5;      /* device pixels a pixel: twice the pixels cost twice the time */
const TURN = 0.008;        /* radians a pixel of dragging */

class MapView {
  constructor(data, thumbnails, actions) {
    this.data = data;
    this.thumbnails = thumbnails;
    this.actions = actions; /* {open(row), select(rows), moved()} */
    this.box = byId('map');
    this.raster = new Raster(byId('points'));
    this.overlay = byId('overlay').getContext('2d');
    this.x = new Float32Array(data.count);
    this.y = new Float32Array(data.count);
    this.depth = new Float32Array(data.count);
    this.bins = new Uint16Array(data.count); /* the order in which points are drawn */
    this.raster.makeRoom(data.count);
    this.shown = new Uint8Array(data.count).fill(1); /* 0: faded */
    this.current = -1;
    this.hovered = -1;
    this.marked = new Set();
    this.showsPictures = thumbnails.description !== null;
    this.drag = null;
    this.pending = false;
    this.reset();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.box);
    this.resize();
  }

  /* --- What is shown ---------------------------------------------------- */

  setAxes(x, y, z) {
    this.axes = [x, y, z].map((axis) => axis === null ? null : this.centred(axis));
    this.reset();
    this.redraw();
  }

  /* Values in -1 .. 1, with one scale for all axes that are shown. */
  centred(axis) {
    return { values: axis.values, middle: (axis.range[0] + axis.range[1]) / 2,
      half: (axis.range[1] - axis.range[0]) / 2 || 1 };
  }

  setColouring({ codes, colours }, background, ink) {
    this.codes = codes;
    this.colours = Int32Array.from(colours, packed);
    this.background = packed(background);
    this.faint = background.map((c, i) => Math.round(0.82 * c + 0.18 * ink[i]));
    this.ink = css(ink);
    this.redraw();
  }

  /* Fades the rows for which `isShown` is false. */
  setShown(isShown) {
    for (let row = 0; row < this.data.count; row++) this.shown[row] = isShown(row) ? 1 : 0;
    this.redraw();
  }

  setCurrent(row) {
    this.current = row;
    this.redraw();
  }

  setMarked(rows) {
    this.marked = new Set(rows);
    this.redraw();
  }

  /* --- Camera ----------------------------------------------------------- */

  reset() {
    this.scale = 1;
    this.centreX = this.centreY = 0;
    this.yaw = 0.6;
    this.pitch = 0.35;
    this.redraw();
  }

  get turns() {
    return this.axes !== undefined && this.axes[2] !== null;
  }

  resize() {
    const { width, height } = this.box.getBoundingClientRect();
    if (width === 0) return;
    this.sharpness = Math.min(SHARPEST, window.devicePixelRatio || 1);
    this.width = width;
    this.height = height;
    this.raster.resize(Math.round(width * this.sharpness), Math.round(height * this.sharpness));
    const overlay = this.overlay.canvas;
    overlay.width = Math.round(width * this.sharpness);
    overlay.height = Math.round(height * this.sharpness);
    this.redraw();
  }

  zoom(factor, atX = this.width / 2, atY = this.height / 2) {
    const scale = Math.min(400, Math.max(0.5, this.scale * factor));
    const applied = scale / this.scale;
    const fromX = atX - this.width / 2, fromY = atY - this.height / 2;
    this.centreX = fromX - (fromX - this.centreX) * applied;
    this.centreY = fromY - (fromY - this.centreY) * applied;
    this.scale = scale;
    this.redraw();
  }

  pan(dx, dy) {
    this.centreX += dx;
    this.centreY += dy;
    this.redraw();
  }

  turn(dx, dy) {
    this.yaw += dx * TURN;
    this.pitch = Math.min(Math.PI / 2, Math.max(-Math.PI / 2, this.pitch + dy * TURN));
    this.redraw();
  }

  /* Brings a row into the middle third of the map. */
  lookAt(row) {
    const dx = this.width / 2 - this.x[row] / this.sharpness;
    const dy = this.height / 2 - this.y[row] / this.sharpness;
    if (Math.abs(dx) > this.width / 3 || Math.abs(dy) > this.height / 3) this.pan(dx, dy);
  }

  /* --- Drawing ---------------------------------------------------------- */

  redraw() {
    if (this.pending || this.width === undefined) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.drawNow();
    });
  }

  /* Positions in device pixels. Flat: both axes fill the map. Deep: one scale for all, turned
   * by yaw about the upright axis and by pitch towards the viewer. */
  project() {
    const { x, y, depth, data } = this;
    const [ax, ay, az] = this.axes;
    const s = this.sharpness, margin = 0.94;
    const middleX = (this.width / 2 + this.centreX) * s, middleY = (this.height / 2 + this.centreY) * s;
    if (az === null) {
      const scaleX = margin * this.width / 2 * this.scale * s / ax.half;
      const scaleY = margin * this.height / 2 * this.scale * s / ay.half;
      for (let i = 0; i < data.count; i++) {
        x[i] = middleX + (ax.values[i] - ax.middle) * scaleX;
        y[i] = middleY - (ay.values[i] - ay.middle) * scaleY;
      }
      return;
    }
    const half = Math.max(ax.half, ay.half, az.half);
    const scale = 0.95 * Math.min(this.width, this.height) / 2 * this.scale * s / half;
    const cy = Math.cos(this.yaw), sy = Math.sin(this.yaw);
    const cp = Math.cos(this.pitch), sp = Math.sin(this.pitch);
    for (let i = 0; i < data.count; i++) {
      const px = ax.values[i] - ax.middle, py = ay.values[i] - ay.middle, pz = az.values[i] - az.middle;
      const side = px * cy + pz * sy, far = pz * cy - px * sy;
      x[i] = middleX + side * scale;
      y[i] = middleY - (py * cp - far * sp) * scale;
      depth[i] = far * cp + py * sp;
    }
  }

  /* Faded ones first, so that the others lie on top; of a map that turns the far ones first: 256
   * depths are finer than a mark is large. */
  arrange(mark) {
    const { raster, bins, depth, shown, x, y, colours, codes } = this;
    const faint = packed(this.faint);
    if (!this.turns) {
      bins.set(shown);
      raster.arrange(x, y, bins, 2, 1, faint, colours, codes, mark);
      return;
    }
    let low = Infinity, high = -Infinity;
    for (let i = 0; i < depth.length; i++) {
      if (depth[i] < low) low = depth[i];
      if (depth[i] > high) high = depth[i];
    }
    const scale = high > low ? 255 / (high - low) : 0;
    for (let i = 0; i < depth.length; i++) {
      bins[i] = shown[i] * 256 + 255 - ((depth[i] - low) * scale | 0);
    }
    raster.arrange(x, y, bins, 512, 256, faint, colours, codes, mark);
  }

  markRadius() {
    const crowd = Math.sqrt(this.data.count / 3000);
    return Math.min(5, Math.max(0.8, 2.6 * Math.sqrt(this.scale) / crowd)) * this.sharpness;
  }

  drawNow() {
    if (this.axes === undefined || this.codes === undefined) return;
    const { raster } = this, mark = makeMark(this.markRadius());
    this.project();
    this.arrange(mark);
    raster.clear(this.background);
    raster.draw(mark);
    raster.show();
    this.drawOverlay();
  }

  /* Rows in view and not faded, at most `most` and one: more than `most` are too many. */
  inView(most) {
    const rows = [], right = this.raster.width, bottom = this.raster.height;
    for (let row = 0; row < this.data.count && rows.length <= most; row++) {
      if (this.shown[row] && this.x[row] >= 0 && this.x[row] < right && this.y[row] >= 0 &&
          this.y[row] < bottom) rows.push(row);
    }
    return rows;
  }

  drawOverlay() {
    const context = this.overlay, s = this.sharpness;
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    this.drawPictures(context);
    context.lineWidth = 1.5 * s;
    context.strokeStyle = this.ink;
    for (const row of this.marked) this.ring(context, row, this.markRadius() + 1.5 * s);
    context.lineWidth = 2.5 * s;
    for (const row of [this.hovered, this.current]) {
      if (row >= 0) this.ring(context, row, this.markRadius() + 4 * s);
    }
    if (this.drag?.lasso) this.drawLasso(context, this.drag.lasso);
  }

  drawPictures(context) {
    const rows = this.showsPictures ? this.inView(MOST_PICTURES) : [];
    if (rows.length === 0 || rows.length > MOST_PICTURES || this.scale < 1.5 && this.data.count > MOST_PICTURES) return;
    const side = (rows.length > 120 ? 32 : 48) * this.sharpness;
    for (const row of rows) {
      const x = this.x[row] - side / 2, y = this.y[row] - side / 2;
      if (!this.thumbnails.draw(context, row, x, y, side, () => this.redraw())) continue;
      context.lineWidth = 2 * this.sharpness;
      const colour = this.colours[this.codes[row]];
      context.strokeStyle = css([colour & 255, colour >> 8 & 255, colour >> 16 & 255]);
      context.strokeRect(x, y, side, side);
    }
  }

  ring(context, row, radius) {
    context.beginPath();
    context.arc(this.x[row] | 0, this.y[row] | 0, radius, 0, 2 * Math.PI);
    context.stroke();
  }

  drawLasso(context, points) {
    context.setLineDash([6, 4]);
    context.beginPath();
    for (const [x, y] of points) context.lineTo(x * this.sharpness, y * this.sharpness);
    context.closePath();
    context.stroke();
    context.setLineDash([]);
  }

  /* --- Finding ---------------------------------------------------------- */

  /* The row nearest to x, y in page pixels, within `reach` of them; -1 where there is none. */
  nearest(x, y, reach) {
    const s = this.sharpness, limit = (reach * s) ** 2;
    let best = -1, least = limit;
    for (let row = 0; row < this.data.count; row++) {
      if (!this.shown[row]) continue;
      const dx = this.x[row] - x * s, dy = this.y[row] - y * s;
      const distance = dx * dx + dy * dy;
      if (distance < least) { least = distance; best = row; }
    }
    return best;
  }

  /* The row nearest to the current one in a direction, in a cone of 45 degrees to each side. */
  neighbourTowards(dx, dy) {
    const from = this.current;
    let best = -1, least = Infinity;
    for (let row = 0; row < this.data.count; row++) {
      if (row === from || !this.shown[row]) continue;
      const x = this.x[row] - this.x[from], y = this.y[row] - this.y[from];
      const along = x * dx + y * dy, across = Math.abs(x * dy - y * dx);
      if (along <= 0.5 || across > along) continue;
      const distance = along + 2 * across;
      if (distance < least) { least = distance; best = row; }
    }
    return best;
  }

  /* Even-odd rule. */
  inside(points) {
    const s = this.sharpness, rows = [];
    for (let row = 0; row < this.data.count; row++) {
      if (!this.shown[row]) continue;
      const x = this.x[row] / s, y = this.y[row] / s;
      let isInside = false;
      for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
        const [xi, yi] = points[i], [xj, yj] = points[j];
        if ((yi > y) !== (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi) isInside = !isInside;
      }
      if (isInside) rows.push(row);
    }
    return rows;
  }

  /* --- Mouse and keys --------------------------------------------------- */

  listen() {
    const box = this.box;
    box.addEventListener('pointerdown', (event) => this.press(event));
    box.addEventListener('pointermove', (event) => this.move(event));
    box.addEventListener('pointerup', (event) => this.release(event));
    box.addEventListener('pointercancel', () => this.endDrag());
    box.addEventListener('pointerleave', () => { if (!this.drag) this.hover(-1); });
    box.addEventListener('wheel', (event) => {
      event.preventDefault();
      const { x, y } = this.where(event);
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)), x, y);
    }, { passive: false });
    box.addEventListener('keydown', (event) => this.key(event));
  }

  where(event) {
    const box = this.box.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  press(event) {
    if (event.button !== 0) return;
    const { x, y } = this.where(event);
    this.box.setPointerCapture(event.pointerId);
    this.drag = { x, y, far: 0, lasso: this.lassoes || event.shiftKey ? [[x, y]] : null };
    this.box.classList.add('dragging');
    this.hover(-1);
  }

  move(event) {
    const { x, y } = this.where(event);
    const drag = this.drag;
    if (drag === null) return this.hover(this.nearest(x, y, 10), x, y);
    const dx = x - drag.x, dy = y - drag.y;
    drag.far += Math.abs(dx) + Math.abs(dy);
    drag.x = x;
    drag.y = y;
    if (drag.lasso) {
      drag.lasso.push([x, y]);
      return this.redraw();
    }
    if (drag.far < 4) return undefined;
    return this.turns && !event.ctrlKey ? this.turn(dx, dy) : this.pan(dx, dy);
  }

  release(event) {
    const drag = this.drag;
    this.endDrag();
    if (drag === null) return;
    if (drag.far >= 4) {
      if (drag.lasso) this.actions.select(this.inside(drag.lasso));
      return;
    }
    const { x, y } = this.where(event);
    const row = this.nearest(x, y, 12);
    if (row >= 0) this.actions.open(row);
  }

  endDrag() {
    this.drag = null;
    this.box.classList.remove('dragging');
    this.redraw();
    this.actions.moved();
  }

  setLasso(isOn) {
    this.lassoes = isOn;
    this.box.classList.toggle('lasso', isOn);
  }

  hover(row, x, y) {
    if (row === this.hovered) return;
    this.hovered = row;
    this.drawOverlay();
    const tip = byId('tip');
    tip.hidden = row < 0;
    if (row < 0) return;
    tip.replaceChildren(this.thumbnails.canvas(row, 96), ...this.actions.describe(row));
    tip.style.left = Math.min(x + 16, this.width - 280) + 'px';
    tip.style.top = Math.min(y + 16, this.height - 170) + 'px';
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    if (arrow) {
      event.preventDefault();
      return event.shiftKey ? this.pan(-60 * arrow[0], -60 * arrow[1]) : this.step(arrow);
    }
    const action = this.actions.keys[event.key];
    if (action === undefined) return undefined;
    event.preventDefault();
    return action();
  }

  step([dx, dy]) {
    const row = this.current < 0 ? this.nearest(this.width / 2, this.height / 2, Infinity)
      : this.neighbourTowards(dx, dy);
    if (row < 0) return say('No image further that way');
    this.setCurrent(row);
    this.lookAt(row);
    return this.actions.tell(row);
  }
}
