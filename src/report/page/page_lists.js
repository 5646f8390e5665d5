/* Sections below the map: classes, components, confusion, lists to review, errors, the run. */

const LISTED = 100;    /* rows of a list that are drawn; its CSV has all */
const PAIRS = 50;      /* rows of the table of confusions */
const HEAT_SIDE = 720; /* pixels of the heat map on a page, at most */
const RELATIVE_TWIN = 0.13; /* cleanlab's near_duplicate: share of the median nearest distance, as the command's */

/* --- Tiles -------------------------------------------------------------- */

function fileName(path) {
  return path.slice(path.lastIndexOf('/') + 1);
}

function tile(report, row, note, own) {
  const { data, thumbnails } = report;
  const label = report.label(row);
  const isOther = own !== undefined && own !== label;
  return make('li', {}, button('', () => report.open(row), {
    className: isOther ? 'tile other' : 'tile', title: data.paths[row],
    'aria-label': `${label}, ${fileName(data.paths[row])}${note ? ', ' + note : ''}`,
  }));
}

/* A grid of pictures: rows with a note each, `own` is the label from which others stand out. */
function pictureGrid(report, rows, notes, own) {
  const list = make('ul', { className: 'grid' });
  rows.forEach((row, i) => {
    const item = tile(report, row, notes ? notes[i] : '', own);
    item.firstChild.append(report.thumbnails.canvas(row, 64), make('span', { className: 'own' }, report.label(row)));
    if (notes) item.firstChild.append(make('span', {}, notes[i]));
    list.append(item);
  });
  return list;
}

/* The images of a selection, with their list to take away. */
function showSelection(report, title, rows) {
  const box = byId('selection');
  report.map.setMarked(rows);
  box.replaceChildren();
  if (rows.length === 0) return;
  let drawn = 0;
  const grids = make('div', {});
  const more = button('Show more', () => draw());
  const draw = () => {
    grids.append(pictureGrid(report, rows.slice(drawn, drawn + 200)));
    drawn += 200;
    more.hidden = drawn >= rows.length;
  };
  const paths = () => rows.map((row) => report.fullPath(row));
  box.append(make('div', { className: 'head' }, make('h3', {}, `${title}: ${number(rows.length)} image${rows.length === 1 ? '' : 's'}`),
    button('Copy paths', () => copyText(paths().join('\n') + '\n')),
    button('Save as CSV', () => saveCsv('selection.csv', ['path', 'label'], rows.map((row) => [report.fullPath(row), report.label(row)]))),
    button('Clear', () => showSelection(report, '', []))), grids, more);
  draw();
  say(`${title}: ${rows.length} images`);
}

/* --- Classes and components --------------------------------------------- */

function showClasses(report) {
  const { values } = report.data.labels;
  const counts = report.classCounts;
  const most = Math.max(...counts, 1);
  const order = values.map((_, i) => i).sort((a, b) => counts[b] - counts[a] || a - b);
  const rows = order.map((i) => {
    const bar = make('i', {});
    bar.style.width = 100 * counts[i] / most + '%';
    return [button(values[i], () => report.selectClass(i)), counts[i], make('div', { className: 'measure', 'aria-hidden': 'true' }, bar)];
  });
  byId('classes').append(table(`${number(values.length)} classes, most images first`, ['class', 'images', 'of the most'], rows));
}

function scree(variance) {
  const width = 640, height = 300, left = 44, bottom = 28, top = 10;
  const total = variance.reduce((sum, v) => sum + v, 0);
  const step = (width - left - 8) / variance.length;
  const y = (share) => top + (height - top - bottom) * (1 - share);
  const chart = makeSvg('svg', { viewBox: `0 0 ${width} ${height}`, class: 'chart', role: 'img',
    'aria-label': `Variance by component: ${variance.length} components explain ${percent(total)}` });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    chart.append(makeSvg('line', { class: 'axis', x1: left, x2: width - 8, y1: y(share), y2: y(share) }),
      makeSvg('text', { x: left - 6, y: y(share) + 4, 'text-anchor': 'end' }, `${100 * share} %`));
  }
  let sum = 0;
  const line = variance.map((share, i) => {
    chart.append(makeSvg('rect', { class: 'column', x: left + i * step, width: Math.max(1, step - 1), y: y(share), height: y(0) - y(share) }));
    sum += share;
    return `${left + (i + 0.5) * step},${y(sum)}`;
  });
  chart.append(makeSvg('polyline', { class: 'line', points: line.join(' ') }),
    makeSvg('text', { x: left, y: height - 6 }, 'component 1'),
    makeSvg('text', { x: width - 8, y: height - 6, 'text-anchor': 'end' }, `${variance.length}`));
  return chart;
}

function showComponents(report) {
  const { variance } = report.data.head;
  const box = byId('components');
  if (variance.length === 0) {
    box.append(make('p', {}, 'These tables have no variances.'));
    return;
  }
  let sum = 0;
  const rows = variance.map((share, i) => [i + 1, percent(share), percent(sum += share)]);
  box.append(make('div', { className: 'two' },
    make('div', {}, scree(variance), make('p', { className: 'small' }, 'Columns: the share of the variance of one component. Line: of all up to it.')),
    make('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Variance by component' },
      table('Variance by component', ['component', 'variance', 'cumulative'], rows))));
}

/* --- Confusion ---------------------------------------------------------- */

function needsNeighbours(box) {
  box.append(make('p', {}, 'This page was made without neighbours: ‘verger neighbours OUTPUT’ writes them, then make the page again.'));
}

function drawHeat(canvas, size, counts, totals, background, ink) {
  canvas.width = canvas.height = size;
  const context = canvas.getContext('2d');
  const image = context.createImageData(size, size);
  for (let cell = 0; cell < size * size; cell++) {
    const share = counts[cell] / (totals[Math.floor(cell / size)] || 1);
    const shade = share === 0 ? 0 : 0.12 + 0.88 * Math.sqrt(share);
    const wrong = cell % size !== Math.floor(cell / size);
    const top = wrong ? [200, 70, 20] : ink;
    for (let c = 0; c < 3; c++) image.data[4 * cell + c] = background[c] + (top[c] - background[c]) * shade;
    image.data[4 * cell + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function confusedPairs(size, counts) {
  const pairs = [];
  for (let from = 0; from < size; from++) {
    for (let to = 0; to < size; to++) {
      if (from !== to && counts[from * size + to] > 0) pairs.push({ from, to, count: counts[from * size + to] });
    }
  }
  return pairs.sort((a, b) => b.count - a.count || a.from - b.from || a.to - b.to);
}

function showConfusion(report) {
  const box = byId('confusion');
  if (report.graph === null) return needsNeighbours(box);
  const { values } = report.data.labels;
  const { size, counts } = report.graph.confusion();
  const totals = report.classCounts, pairs = confusedPairs(size, counts);
  const wrong = pairs.reduce((sum, pair) => sum + pair.count, 0);
  const canvas = make('canvas', { className: 'heat', role: 'img',
    'aria-label': `Classes by the class of their nearest image, ${size} by ${size}; the table beside it lists the largest` });
  const side = Math.max(size, Math.floor(HEAT_SIDE / size) * size || size);
  canvas.style.width = side + 'px';
  const note = make('p', { className: 'small' }, 'A row is a class, a column the class of the nearest image. Point at a cell, click to select its images.');
  const cellAt = (event) => {
    const edge = canvas.getBoundingClientRect();
    const at = (position, start, length) => Math.min(size - 1, Math.max(0, Math.floor((position - start) / length * size)));
    return { from: at(event.clientY, edge.top, edge.height), to: at(event.clientX, edge.left, edge.width) };
  };
  const select = (from, to) => {
    showSelection(report, `${values[from]}, nearest is ${values[to]}`, report.graph.rowsConfused(from, to));
    byId('selection').scrollIntoView({ block: 'nearest' });
  };
  canvas.addEventListener('mousemove', (event) => {
    const { from, to } = cellAt(event);
    note.textContent = `${values[from]} → ${values[to]}: ${number(counts[from * size + to])} of ${number(totals[from])}`;
  });
  canvas.addEventListener('click', (event) => { const { from, to } = cellAt(event); select(from, to); });
  report.onTheme((background, ink) => drawHeat(canvas, size, counts, totals, background, ink));
  const rows = pairs.slice(0, PAIRS).map((pair) => [values[pair.from], values[pair.to], pair.count, totals[pair.from],
    button('Select', () => select(pair.from, pair.to), { 'aria-label': `Select ${values[pair.from]} whose nearest is ${values[pair.to]}` })]);
  box.append(make('p', {}, `The nearest image of ${percent(wrong / (report.data.count || 1))} of the images is of another class.`),
    make('div', { className: 'two' }, make('div', {}, canvas, note),
      make('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Confused classes' },
        rows.length === 0 ? make('p', {}, 'No class is confused with another.')
          : table('Most often confused', ['class', 'nearest is', 'images', 'of', 'on the map'], rows),
        button('Save all as CSV', () => saveCsv('confusion.csv', ['label', 'nearest_label', 'images'],
          pairs.map((pair) => [values[pair.from], values[pair.to], pair.count]))))));
  return undefined;
}

/* --- Review ------------------------------------------------------------- */

/* One list to review: columns beyond picture, path and label come from `cells`. */
function reviewTable(report, caption, items, names, cells) {
  return table(caption, ['image', 'path', 'label', ...names], items.slice(0, LISTED).map((item) => [
    report.thumbnails.canvas(item.row, 40), button(report.data.paths[item.row], () => report.open(item.row)),
    report.label(item.row), ...cells(item)]));
}

function listHead(report, explanation, file, items, names, cells) {
  const rows = () => items.map((item) => [report.fullPath(item.row), report.label(item.row), ...cells(item)]);
  return make('div', {}, make('p', {}, explanation), make('p', { className: 'buttons' },
    button('Copy paths', () => copyText(items.map((item) => report.fullPath(item.row)).join('\n') + '\n')),
    button('Save all as CSV', () => saveCsv(file, ['path', 'label', ...names], rows()))));
}

function firstOf(items) {
  return `The first ${Math.min(LISTED, items.length)} of ${number(items.length)}`;
}

function showOutliers(report, box) {
  const review = report.data.review;
  const items = review.outlierItems();
  const cells = (item) => [item.score, item.ofClass].map((value) => Number.isNaN(value) ? '' : value);
  const names = ['distance', 'class distance'];
  box.append(listHead(report, `Images far from their ${report.graph.k} nearest images, or from the mean of their class, the most unlike first. ${number(review.outliers)} are farther than ${number(review.outlierLimit)}, or in their class than ${number(review.classLimit)}.`,
    'outliers.csv', items, ['outlier_score', 'class_distance'], cells), reviewTable(report, firstOf(items), items, names, cells));
}

function showContradicted(report, box) {
  const { values } = report.data.labels;
  const items = report.data.review.labelItems();
  const cells = (item) => [values[item.suggested], percent(item.support)];
  box.append(listHead(report, 'Images whose nearest images have another label, by how far that label leads. Some are wrong labels, others are classes that look alike.',
    'labels.csv', items, ['suggested_label', 'support'], cells));
  box.append(items.length === 0 ? make('p', {}, 'No label is contradicted.')
    : reviewTable(report, firstOf(items), items, ['suggested label', 'support'], cells));
}

function showDuplicates(report, box) {
  const median = report.data.review.medianNearest;
  const range = make('input', { type: 'range', min: '0', max: '0.5', step: '0.01', value: String(RELATIVE_TWIN), id: 'twin-limit' });
  const shown = make('output', {});
  const result = make('div', {});
  const draw = () => {
    const limit = Number(range.value) * median;
    const groups = report.data.review.groups(limit);
    const images = groups.reduce((sum, group) => sum + group.rows.length, 0);
    shown.textContent = `${Number(range.value).toFixed(2)} of the median distance to a nearest image, ${number(limit)}: ${number(groups.length)} groups, ${number(images)} images`;
    const all = groups.flatMap((group, i) => group.rows.map((row) => ({ row, group: i + 1, diameter: group.diameter })));
    result.replaceChildren(listHead(report, 'Groups of images of which every two are this near to each other; those that are the same to the byte are at 0.',
      'duplicates.csv', all, ['group', 'diameter'], (item) => [item.group, item.diameter]));
    for (const group of groups.slice(0, LISTED / 2)) {
      result.append(make('p', { className: 'small' }, `${group.rows.length} images, diameter ${number(group.diameter)}`), pictureGrid(report, group.rows));
    }
  };
  range.addEventListener('input', draw);
  box.append(make('p', { className: 'range' }, make('label', { htmlFor: 'twin-limit' }, 'Nearer than'), range, shown), result);
  draw();
}

function showLeaks(report, box) {
  const { training, tested, nearTraining } = report.data.review;
  if (training === null) {
    box.append(make('p', {}, 'All images are of one split.'));
    return;
  }
  const items = report.data.review.leakItems();
  const distance = (item) => item.distance === null ? '' : item.distance;
  const cells = (item) => [report.data.paths[item.twin], distance(item)];
  box.append(listHead(report, `Images outside ${training} that are a copy or a near-duplicate of one within: ${number(items.length)} of ${number(tested)}. The nearest image of ${percent(nearTraining / (tested || 1))} is there.`,
    'leaks.csv', items, ['leak_of', 'leak_distance'], (item) => [report.fullPath(item.twin), distance(item)]));
  if (items.length > 0) box.append(reviewTable(report, firstOf(items), items, ['twin', 'distance'], cells));
}

const FAULTS = ['dark', 'light', 'blurred', 'flat']; /* by the bits of vg_fault */

function faultNames(bits) {
  return FAULTS.filter((_, i) => bits & 1 << i).join(', ');
}

function showFaults(report, box) {
  const { faults } = report.data.review.pictures;
  const items = faults.map(([row, bits, low, high, contrast, sharpness]) => ({ row, bits, low, high, contrast, sharpness }));
  const cells = (item) => [faultNames(item.bits), item.low, item.high, item.contrast, item.sharpness];
  box.append(listHead(report, 'Pictures that are dark, light, blurred, or flat: of little contrast. Brightness is the grey level, of 255, that 5 and 99 in a hundred of the pixels do not exceed.',
    'pictures.csv', items, ['faults', 'brightness_5', 'brightness_99', 'contrast', 'sharpness'], cells));
  box.append(items.length === 0 ? make('p', {}, 'No picture is poor.')
    : reviewTable(report, firstOf(items), items, ['faults', 'brightness 5 %', 'brightness 99 %', 'contrast', 'sharpness'], cells));
}

function showResaved(report, box) {
  const groups = report.data.review.pictures.resaved.map(([diameter, ...rows]) => ({ diameter, rows }));
  const all = groups.flatMap((group, i) => group.rows.map((row) => ({ row, group: i + 1, diameter: group.diameter })));
  box.append(listHead(report, `Pictures that lie in several files, saved again in another quality, size or format: ${number(groups.length)}, in ${number(all.length)} images.`,
    'resaved.csv', all, ['resaved_group', 'resaved_diameter'], (item) => [item.group, item.diameter]));
  for (const group of groups.slice(0, LISTED / 2)) {
    box.append(make('p', { className: 'small' }, `${group.rows.length} images, at most ${number(group.diameter)} grey levels apart`), pictureGrid(report, group.rows));
  }
}

/* Tabs whose contents are made when they are first shown. */
function showReview(report) {
  const box = byId('review');
  if (report.graph === null) return needsNeighbours(box);
  const tabs = [['Unlike all others', showOutliers], ['Labels that neighbours contradict', showContradicted], ['Near-duplicates', showDuplicates], ['Twins in training', showLeaks]];
  if (report.data.review.pictures !== null) tabs.push(['Poor pictures', showFaults], ['Saved again', showResaved]);
  const list = make('div', { className: 'tabs', role: 'tablist', 'aria-label': 'Lists' });
  const panels = tabs.map(([name], i) => make('div', { role: 'tabpanel', id: `panel-${i}`, 'aria-labelledby': `tab-${i}`, hidden: true, tabIndex: 0, className: 'scroll' }));
  const choose = (chosen) => {
    for (let i = 0; i < tabs.length; i++) {
      const isChosen = i === chosen;
      list.children[i].setAttribute('aria-selected', String(isChosen));
      list.children[i].tabIndex = isChosen ? 0 : -1;
      panels[i].hidden = !isChosen;
    }
    if (panels[chosen].childElementCount === 0) tabs[chosen][1](report, panels[chosen]);
  };
  tabs.forEach(([name], i) => list.append(button(name, () => choose(i), { role: 'tab', id: `tab-${i}`, 'aria-controls': `panel-${i}` })));
  list.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: tabs.length - 1 }[event.key];
    if (step === undefined) return;
    const next = ([...list.children].indexOf(document.activeElement) + step) % tabs.length;
    choose(next);
    list.children[next].focus();
  });
  box.append(list, ...panels);
  choose(0);
  return undefined;
}

/* --- Errors and the run ------------------------------------------------- */

function showErrors(report) {
  const { errors } = report.data.head;
  const box = byId('errors');
  if (errors.length === 0) {
    box.append(make('p', {}, 'Every image was read.'));
    return;
  }
  const rows = errors.map((error) => [error.error, error.count, make('details', {},
    make('summary', {}, error.paths[0]), ...error.paths.slice(1).map((path) => make('div', {}, path)))]);
  box.append(table('Images without features, by reason', ['reason', 'images', 'such as'], rows));
}

function showRun(report) {
  const rows = Object.entries(report.data.head.run)
    .filter(([, value]) => typeof value !== 'object')
    .map(([key, value]) => [key.replaceAll('_', ' '), typeof value === 'number' ? number(value) : String(value)]);
  byId('run').append(table('What model_info says of these tables', ['what', 'value'], rows));
}
