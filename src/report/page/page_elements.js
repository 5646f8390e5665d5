/* Elements of the page. Text from tables reaches the document by textContent alone, so a class
 * called <script> is shown and does nothing. */

function byId(id) {
  return document.getElementById(id);
}

/* make('td', {className: 'number'}, 'text', child...) */
function make(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key.includes('-') || key === 'role' || key === 'scope') element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

function makeSvg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function button(text, action, properties) {
  const element = make('button', { type: 'button', ...properties }, text);
  element.addEventListener('click', action);
  return element;
}

/* A table of `rows`, each a list of cells: texts, numbers or elements. */
function table(caption, names, rows) {
  const head = make('tr', {}, ...names.map((name) => make('th', { scope: 'col' }, name)));
  const body = rows.map((cells) => make('tr', {}, ...cells.map((cell) => {
    const isNumber = typeof cell === 'number';
    return make('td', isNumber ? { className: 'number' } : {}, isNumber ? number(cell) : cell);
  })));
  rows[0]?.forEach((cell, i) => {
    if (typeof cell === 'number') head.children[i].className = 'number';
  });
  return make('table', {}, make('caption', {}, caption), make('thead', {}, head),
    make('tbody', {}, ...body));
}

function number(value) {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return Number(value.toPrecision(4)).toString();
}

function percent(share) {
  return (100 * share).toFixed(2) + ' %';
}

function say(text) {
  byId('live').textContent = text;
}

function csvCell(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

function saveCsv(name, columns, rows) {
  const lines = [columns, ...rows].map((row) => row.map(csvCell).join(','));
  const link = make('a', { download: name,
    href: URL.createObjectURL(new Blob([lines.join('\n') + '\n'], { type: 'text/csv' })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/* The clipboard is for secure pages only, which a file is not everywhere. */
function copyText(text) {
  const area = make('textarea', { value: text, className: 'unseen' });
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  say(done ? 'Copied' : 'The browser does not let this page copy');
}
