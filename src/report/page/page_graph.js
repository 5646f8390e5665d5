/* What the neighbours of the images say: confusion of classes, images unlike all others, labels
 * that neighbours contradict, near-duplicates. */

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

  /* Mean distance to the neighbours, most unlike first. */
  outliers() {
    const scores = [];
    for (let row = 0; row < this.count; row++) {
      const near = this.neighboursOf(row);
      if (near.length === 0) continue;
      scores.push({ row, score: near.reduce((sum, n) => sum + n.distance, 0) / near.length });
    }
    return scores.sort((a, b) => b.score - a.score || a.row - b.row);
  }

  /* The neighbours vote for their own labels, the near ones louder; listed is an image whose
   * label is not the winner, by the winner's lead. */
  contradicted() {
    const { values, codes } = this.data.labels;
    const found = [];
    const votes = new Float64Array(values.length);
    for (let row = 0; row < this.count; row++) {
      const near = this.neighboursOf(row);
      if (near.length < 2) continue;
      const width = near[near.length - 1].distance || 1;
      let total = 0;
      votes.fill(0);
      for (const n of near) {
        const vote = 1 / (0.1 + n.distance / width);
        votes[codes[n.row]] += vote;
        total += vote;
      }
      let best = codes[row];
      for (const n of near) if (votes[codes[n.row]] > votes[best]) best = codes[n.row];
      if (best !== codes[row]) {
        found.push({ row, suggested: best, support: votes[best] / total, score: (votes[best] - votes[codes[row]]) / total });
      }
    }
    return found.sort((a, b) => b.score - a.score || a.row - b.row);
  }

  medianNearest() {
    const nearest = [];
    for (let row = 0; row < this.count; row++) {
      if (this.neighbour(row, 0) >= 0) nearest.push(this.distance(row, 0));
    }
    nearest.sort((a, b) => a - b);
    return nearest.length ? nearest[nearest.length >> 1] : 0;
  }

  /* Groups in which every two images are within `limit` (complete linkage), so that groups do
   * not chain; pairs that are in no list of neighbours count as further. */
  duplicates(limit) {
    const near = new Map(), pairs = [];
    const key = (a, b) => a < b ? a * this.count + b : b * this.count + a;
    for (let row = 0; row < this.count; row++) {
      for (const n of this.neighboursOf(row)) {
        if (n.distance > limit) break;
        if (!near.has(key(row, n.row))) {
          near.set(key(row, n.row), n.distance);
          pairs.push({ a: row, b: n.row, distance: n.distance });
        }
      }
    }
    pairs.sort((p, q) => p.distance - q.distance || p.a - q.a || p.b - q.b);
    const groupOf = new Map();
    for (const { a, b } of pairs) {
      const left = groupOf.get(a) || [a], right = groupOf.get(b) || [b];
      if (left === right) continue;
      if (!left.every((i) => right.every((j) => near.has(key(i, j))))) continue;
      left.push(...right);
      for (const row of left) groupOf.set(row, left);
    }
    const groups = [...new Set(groupOf.values())].map((rows) => {
      rows.sort((a, b) => a - b);
      let diameter = 0;
      for (let i = 0; i < rows.length; i++) {
        for (let j = i + 1; j < rows.length; j++) diameter = Math.max(diameter, near.get(key(rows[i], rows[j])));
      }
      return { rows, diameter };
    });
    return groups.sort((a, b) => a.diameter - b.diameter || a.rows[0] - b.rows[0]);
  }
}
