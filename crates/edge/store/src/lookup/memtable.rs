//! The newest points of a look-up, in memory.

use super::point::{Point, Query};

const BUCKETS: usize = 1 << 16;
const ZONE: usize = 1024;
const NONE: u32 = u32::MAX;

/// Points in the order their entries were appended, with what it takes to find them again: chains of equal
/// bucket for keys that are hashes, smallest and largest key per zone for keys that grow with time.
#[derive(Debug)]
pub(crate) struct Memtable {
    points: Vec<Point>,
    find: Find,
}

#[derive(Debug)]
enum Find {
    Chains { heads: Vec<u32>, next: Vec<u32> },
    Zones(Vec<(u64, u64)>),
}

impl Memtable {
    pub(crate) const fn of_hashes() -> Self {
        Self {
            points: Vec::new(),
            find: Find::Chains {
                heads: Vec::new(),
                next: Vec::new(),
            },
        }
    }

    pub(crate) const fn of_times() -> Self {
        Self {
            points: Vec::new(),
            find: Find::Zones(Vec::new()),
        }
    }

    /// An empty table of the same sort.
    pub(crate) const fn another(&self) -> Self {
        match self.find {
            Find::Chains { .. } => Self::of_hashes(),
            Find::Zones(_) => Self::of_times(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }

    /// Adds a point; indices never go down.
    pub(crate) fn push(&mut self, point: Point) {
        match &mut self.find {
            Find::Chains { heads, next } => {
                if heads.is_empty() {
                    heads.resize(BUCKETS, NONE);
                }
                // Flushed long before 2³² points.
                let position = self.points.len() as u32;
                next.push(std::mem::replace(&mut heads[bucket(point.key)], position));
            }
            Find::Zones(zones) => {
                if self.points.len().is_multiple_of(ZONE) {
                    zones.push((point.key, point.key));
                } else if let Some((low, high)) = zones.last_mut() {
                    *low = point.key.min(*low);
                    *high = point.key.max(*high);
                }
            }
        }
        self.points.push(point);
    }

    /// Appends what `query` wants to `out`, in no order, without regard to the limit.
    pub(crate) fn collect(&self, query: &Query, out: &mut Vec<Point>) {
        match &self.find {
            Find::Chains { heads, next } if query.from.key == query.last_key => {
                let mut at = heads.get(bucket(query.last_key)).copied().unwrap_or(NONE);
                while at != NONE {
                    let point = self.points[at as usize];
                    if query.wants(point) {
                        out.push(point);
                    }
                    at = next[at as usize];
                }
            }
            Find::Chains { .. } => out.extend(self.points.iter().filter(|p| query.wants(**p))),
            Find::Zones(zones) => {
                for (zone, points) in zones.iter().zip(self.points.chunks(ZONE)) {
                    if zone.0 <= query.last_key && zone.1 >= query.from.key {
                        out.extend(points.iter().filter(|p| query.wants(**p)));
                    }
                }
            }
        }
    }

    /// Takes out the points of entries below `size`, leaving the rest.
    pub(crate) fn take_below(&mut self, size: u64) -> Self {
        let rest = self
            .points
            .split_off(self.points.partition_point(|p| p.index < size));
        let mut remaining = self.another();
        for point in rest {
            remaining.push(point);
        }
        // The chains of the taken table may lead past its end now; they are rebuilt from its points.
        let points = std::mem::take(&mut self.points);
        let mut taken = self.another();
        if remaining.points.is_empty() {
            std::mem::swap(&mut taken.find, &mut self.find);
            taken.points = points;
        } else {
            for point in points {
                taken.push(point);
            }
        }
        *self = remaining;
        taken
    }
}

/// The keys of hash look-ups are uniform: their top bits spread them.
const fn bucket(key: u64) -> usize {
    (key >> 48) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(table: &Memtable, query: Query) -> Vec<Point> {
        let mut out = Vec::new();
        table.collect(&query, &mut out);
        out.sort_unstable();
        out
    }

    #[test]
    fn a_table_finds_exactly_what_a_scan_finds_also_after_a_split() {
        for mut table in [Memtable::of_hashes(), Memtable::of_times()] {
            let points: Vec<Point> = (0..5000_u64)
                .map(|index| Point {
                    key: (index * 7919 % 400) << 50,
                    index,
                })
                .collect();
            for point in &points {
                table.push(*point);
            }
            let taken = table.take_below(3000);
            assert_eq!((taken.len(), table.len()), (3000, 2000));
            for key in [0, 5 << 50, 399 << 50, 400 << 50] {
                for last_key in [key, key + (9 << 50)] {
                    let query = Query {
                        from: Point { key, index: 700 },
                        last_key,
                        below: 4500,
                        limit: usize::MAX,
                    };
                    let wanted = |p: &Point| {
                        let starts = p.key > key || (p.key == key && p.index >= 700);
                        starts && p.key <= last_key && p.index < 4500
                    };
                    let mut expected: Vec<Point> = points.iter().copied().filter(wanted).collect();
                    expected.sort_unstable();
                    let mut all = found(&taken, query);
                    all.extend(found(&table, query));
                    all.sort_unstable();
                    assert_eq!(all, expected);
                }
            }
        }
    }
}
