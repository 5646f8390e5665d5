/* The neighbours of the images, and how classes are confused by them. */

class Graph {
  constructor(data) {
    this.data = data;
    this.count = data.count;
    Object.assign(this, data.neighbours); /* k, rows, distances */
  }

  neighbour(row, place) {
    return this.rows[place * this.count + row];
  }

  distance(row, place) {
    return this.distances[place * this.count + row];
  }

  neighboursOf(row) {
    const found = [];
    for (let place = 0; place < this.k && this.neighbour(row, place) >= 0; place++) {
      found.push({ row: this.neighbour(row, place), distance: this.distance(row, place) });
    }
    return found;
  }

  /* How often the nearest image of one of class a is of class b: counts [classes][classes]. */
  confusion() {
    const { values, codes } = this.data.labels;
    const size = values.length;
    const counts = new Uint32Array(size * size);
    for (let row = 0; row < this.count; row++) {
      const nearest = this.neighbour(row, 0);
      if (nearest >= 0) counts[codes[row] * size + codes[nearest]]++;
    }
    return { size, counts };
  }

  rowsConfused(from, to) {
    const { codes } = this.data.labels;
    const rows = [];
    for (let row = 0; row < this.count; row++) {
      const nearest = this.neighbour(row, 0);
      if (nearest >= 0 && codes[row] === from && codes[nearest] === to) rows.push(row);
    }
    return rows;
  }
}

/* What the command found: images unlike all others, labels that neighbours contradict, groups of
 * duplicates, twins of images that were trained on. */
class Review {
  constructor(head, blocks) {
    Object.assign(this, head, blocks);
  }

  outlierItems() {
    return Array.from(this.outlierRows, (row, i) => ({ row, score: this.outlierScores[2 * i], ofClass: this.outlierScores[2 * i + 1] }));
  }

  labelItems() {
    return this.labels.map(([row, suggested, support]) => ({ row, suggested, support }));
  }

  leakItems() {
    return this.leaks.map(([row, twin, distance]) => ({ row, twin, distance }));
  }

  /* Groups of which every two images are within `limit`, the narrowest first: merges are in the
   * order of their diameters, so a limit is where they end. */
  groups(limit) {
    const groupOf = new Map();
    for (let i = 0; i < this.diameters.length && this.diameters[i] <= limit; i++) {
      const [a, b] = this.merges.subarray(2 * i, 2 * i + 2);
      const left = groupOf.get(a) || { rows: [a] }, right = groupOf.get(b) || { rows: [b] };
      left.rows.push(...right.rows);
      left.diameter = this.diameters[i];
      for (const row of left.rows) groupOf.set(row, left);
    }
    const groups = [...new Set(groupOf.values())];
    for (const group of groups) group.rows.sort((a, b) => a - b);
    return groups.sort((a, b) => a.diameter - b.diameter || a.rows[0] - b.rows[0]);
  }
}
