/* The report: state that the sections share, and the controls of the map. */

class Report {
  constructor(data) {
    this.data = data;
    this.thumbnails = new Thumbnails(data.head.thumbnails);
    this.graph = data.neighbours === null ? null : new Graph(data);
    this.classCounts = new Uint32Array(data.labels.values.length);
    for (const code of data.labels.codes) this.classCounts[code]++;
    this.themed = [];
    this.chosen = new Set();
    this.found = null;
    this.column = data.columns[0];
    this.map = new MapView(data, this.thumbnails, {
      open: (row) => this.open(row),
      select: (rows) => this.select('Lasso', rows),
      moved: () => this.listInView(),
      describe: (row) => this.describe(row),
      tell: (row) => this.tell(row),
      keys: this.keys(),
    });
  }

  /* --- Rows ------------------------------------------------------------- */

  label(row) {
    return this.data.labels.values[this.data.labels.codes[row]];
  }

  fullPath(row) {
    return this.data.head.root + this.data.paths[row];
  }

  describe(row) {
    return [make('strong', {}, this.label(row)), make('div', {}, this.data.paths[row])];
  }

  tell(row) {
    say(`${this.label(row)}, ${fileName(this.data.paths[row])}`);
  }

  select(title, rows) {
    showSelection(this, title, rows);
    if (rows.length === 0) say('No image is selected');
  }

  selectClass(code) {
    const rows = [];
    for (let row = 0; row < this.data.count; row++) if (this.data.labels.codes[row] === code) rows.push(row);
    this.select(this.data.labels.values[code], rows);
    byId('map-title').scrollIntoView();
  }

  /* The card of one image: itself, what is known of it, and its neighbours, from each of which
   * one walks on. */
  open(row) {
    this.map.setCurrent(row);
    this.map.lookAt(row);
    this.walk = { row, place: -1 };
    const facts = this.data.columns.slice(1).map((column) =>
      make('div', { className: 'small' }, `${column.name}: ${column.values ? column.values[column.codes[row]] : number(column.numbers[row])}`));
    const card = byId('card');
    card.replaceChildren(this.picture(row), make('h3', {}, this.label(row)), this.pathLine(row), ...facts);
    if (this.graph !== null) {
      const near = this.graph.neighboursOf(row);
      card.append(make('h3', {}, 'Nearest images'),
        pictureGrid(this, near.map((n) => n.row), near.map((n) => n.distance.toPrecision(3)), this.label(row)));
    }
    card.scrollTop = 0;
    this.tell(row);
  }

  /* The image itself where the page may read it, which a page opened from disk may; else its
   * thumbnail. */
  picture(row) {
    const canvas = this.thumbnails.canvas(row, 144);
    canvas.className = 'picture';
    const path = this.fullPath(row);
    if (location.protocol !== 'file:' || !path.startsWith('/')) return canvas;
    const image = make('img', { className: 'picture', alt: `${this.label(row)}, ${fileName(path)}` });
    image.addEventListener('error', () => image.replaceWith(canvas));
    image.src = fileAddress(path);
    return image;
  }

  pathLine(row) {
    const path = this.fullPath(row);
    const line = make('div', { className: 'path' });
    line.append(path.startsWith('/') ? make('a', { href: fileAddress(path), rel: 'noreferrer' }, path) : path);
    return line;
  }

  /* --- Colour, legend, search ------------------------------------------- */

  onTheme(draw) {
    this.themed.push(draw);
    draw(...this.ground());
  }

  ground() {
    return this.isDark ? [[16, 19, 13], [233, 236, 228]] : [[255, 255, 255], [32, 38, 31]];
  }

  setTheme(isDark) {
    this.isDark = isDark;
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
    byId('theme').setAttribute('aria-pressed', String(isDark));
    this.colourBy(this.column);
    for (const draw of this.themed) draw(...this.ground());
  }

  colourBy(column) {
    if (column !== this.column) this.chosen.clear();
    this.column = column;
    this.colouring = colouring(column, this.isDark);
    this.map.setColouring(this.colouring, ...this.ground());
    this.drawLegend();
    this.applyFilter();
  }

  drawLegend() {
    const { column } = this;
    byId('legend-title').textContent = column.name === 'label' ? 'Classes' : column.name;
    const list = byId('legend');
    byId('legend-filter').hidden = !column.values || column.values.length < 15;
    if (!column.values) {
      const ramp = make('div', { className: 'ramp' });
      ramp.style.background = `linear-gradient(to right, ${[0, 64, 128, 192, 255].map((i) => css(this.colouring.colours[i])).join(', ')})`;
      list.replaceChildren(make('li', {}, `${number(column.range[0])} to ${number(column.range[1])}`, ramp));
      return;
    }
    const counts = new Uint32Array(column.values.length);
    for (const code of column.codes) counts[code]++;
    const wanted = byId('legend-filter').value.toLowerCase();
    list.replaceChildren(...column.values.map((name, code) => {
      const swatch = make('span', { className: 'swatch' });
      swatch.style.background = css(this.colouring.colours[code]);
      const item = button('', () => this.choose(code), { 'aria-pressed': String(this.chosen.has(code)) });
      if (this.chosen.size > 0 && !this.chosen.has(code)) item.classList.add('faded');
      item.append(swatch, make('span', { className: 'name' }, name), make('span', { className: 'count' }, number(counts[code])));
      return make('li', { hidden: !name.toLowerCase().includes(wanted) }, item);
    }));
  }

  choose(code) {
    if (this.chosen.has(code)) this.chosen.delete(code); else this.chosen.add(code);
    this.drawLegend();
    this.applyFilter();
  }

  search(text) {
    const wanted = text.trim().toLowerCase();
    this.found = null;
    if (wanted !== '') {
      const { values, codes } = this.data.labels;
      const isNamed = values.map((name) => name.toLowerCase().includes(wanted));
      this.found = new Uint8Array(this.data.count);
      for (let row = 0; row < this.data.count; row++) {
        this.found[row] = isNamed[codes[row]] || this.data.paths[row].toLowerCase().includes(wanted) ? 1 : 0;
      }
    }
    this.applyFilter();
  }

  applyFilter() {
    const { chosen, found, column } = this;
    const isShown = (row) => (chosen.size === 0 || chosen.has(column.codes[row])) && (found === null || found[row] === 1);
    let shown = 0;
    for (let row = 0; row < this.data.count; row++) if (isShown(row)) shown++;
    this.map.setShown(isShown);
    byId('map-note').textContent = shown === this.data.count ? `${number(shown)} images`
      : `${number(shown)} of ${number(this.data.count)} images; the others are faded`;
    this.listInView();
  }

  /* Only where it is open: making rows costs more than drawing points. */
  listInView() {
    const box = byId('map-table');
    if (!box.parentElement.open) return;
    const most = 500, rows = this.map.inView(most);
    box.replaceChildren(table(rows.length > most ? `The first ${most} images in view` : `${rows.length} images in view`,
      ['path', 'label'], rows.slice(0, most).map((row) => [button(this.data.paths[row], () => this.open(row)), this.label(row)])));
  }

  /* --- Controls --------------------------------------------------------- */

  keys() {
    return {
      '+': () => this.map.zoom(1.3), '=': () => this.map.zoom(1.3), '-': () => this.map.zoom(1 / 1.3),
      '0': () => this.map.reset(), '/': () => byId('search').focus(), 'l': () => byId('lasso').click(),
      'Enter': () => { if (this.map.current >= 0) this.open(this.map.current); },
      'n': () => this.walkOn(), 's': () => this.mark(),
      'Escape': () => this.select('', []),
    };
  }

  /* From neighbour to neighbour of the image that was opened last. */
  walkOn() {
    if (this.graph === null || !this.walk) return say('Open an image first, with Enter');
    this.walk.place = (this.walk.place + 1) % this.graph.k;
    const row = this.graph.neighbour(this.walk.row, this.walk.place);
    if (row < 0) return say('No further neighbour');
    this.map.setCurrent(row);
    this.map.lookAt(row);
    return say(`Neighbour ${this.walk.place + 1}: ${this.label(row)}, ${fileName(this.data.paths[row])}, distance ${this.graph.distance(this.walk.row, this.walk.place).toPrecision(3)}`);
  }

  mark() {
    const rows = this.map.marked, row = this.map.current;
    if (row < 0) return;
    if (rows.has(row)) rows.delete(row); else rows.add(row);
    this.select('Chosen', [...rows].sort((a, b) => a - b));
  }

  setAxes() {
    const axis = (id) => this.data.axes[Number(byId(id).value)];
    const deep = byId('axis-z').value;
    this.map.setAxes(axis('axis-x'), axis('axis-y'), deep === '' ? null : this.data.axes[Number(deep)]);
    this.listInView();
  }

  fillControls() {
    const { axes, columns } = this.data;
    const option = (name, value) => make('option', { value: String(value) }, name);
    for (const [id, chosen] of [['axis-x', 0], ['axis-y', Math.min(1, axes.length - 1)], ['axis-z', -1]]) {
      const list = byId(id);
      if (id === 'axis-z') list.append(option('flat', ''));
      list.append(...axes.map((axis, i) => option(axis.name, i)));
      list.value = chosen < 0 ? '' : String(chosen);
      list.addEventListener('change', () => this.setAxes());
    }
    byId('colour').append(...columns.map((column, i) => option(column.name === 'label' ? 'class' : column.name, i)));
    byId('colour').addEventListener('change', (event) => this.colourBy(columns[Number(event.target.value)]));
    let waiting = 0;
    byId('search').addEventListener('input', (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.search(event.target.value), 120);
    });
    byId('search').addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return;
      clearTimeout(waiting);
      this.search(event.target.value);
      if (this.found) this.select('Search', [...this.found.keys()].filter((row) => this.found[row]));
    });
    byId('legend-filter').addEventListener('input', () => this.drawLegend());
    byId('legend-all').addEventListener('click', () => { this.chosen.clear(); this.drawLegend(); this.applyFilter(); });
    byId('zoom-in').addEventListener('click', () => this.map.zoom(1.5));
    byId('zoom-out').addEventListener('click', () => this.map.zoom(1 / 1.5));
    byId('reset').addEventListener('click', () => this.map.reset());
    this.toggle('lasso', (isOn) => this.map.setLasso(isOn));
    this.toggle('pictures', (isOn) => { this.map.showsPictures = isOn; this.map.redraw(); });
    byId('pictures').hidden = this.data.head.thumbnails === null;
    byId('map-table').parentElement.addEventListener('toggle', () => this.listInView());
    this.toggle('theme', (isOn) => this.setTheme(isOn));
  }

  toggle(id, action) {
    byId(id).addEventListener('click', () => {
      const isOn = byId(id).getAttribute('aria-pressed') !== 'true';
      byId(id).setAttribute('aria-pressed', String(isOn));
      action(isOn);
    });
  }

  show() {
    const { head } = this.data;
    const failed = head.errors.reduce((sum, error) => sum + error.count, 0);
    const explained = head.variance.reduce((sum, share) => sum + share, 0);
    byId('facts').textContent = [`${number(this.data.count)} images`, `${number(head.labels.length)} classes`,
      failed > 0 ? `${number(failed)} failed` : null,
      head.variance.length > 0 ? `${head.variance.length} components explain ${percent(explained)}` : null,
      head.run.seconds ? `${number(head.run.seconds)} s` : null, head.run.timestamp].filter((fact) => fact).join(' · ');
    this.fillControls();
    byId('report').hidden = false;
    this.map.resize();
    this.setTheme(matchMedia('(prefers-color-scheme: dark)').matches);
    this.setAxes();
    for (const section of [showClasses, showComponents, showConfusion, showReview, showErrors, showRun]) section(this);
  }
}

/* Addresses of local files: every byte that is not plain is escaped. */
function fileAddress(path) {
  return 'file://' + path.split('/').map(encodeURIComponent).join('/');
}

loadData().then((data) => {
  const report = new Report(data);
  report.show();
  globalThis.vergerReport = report; /* for measuring, and for the curious */
  document.documentElement.dataset.ready = 'true';
}).catch((error) => {
  byId('broken').textContent = `This page cannot show its data: ${error.message}. It may have been cut; make it again.`;
  byId('broken').hidden = false;
  throw error;
});
