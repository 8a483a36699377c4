//! Keys and values in pages of [`PAGE`] positions. Sequences share the full pages of a common prompt; a page that nobody
//! needs any more is used again.
//!
//! Axes: l layers, k kv heads, d head width (`dp`: padded to whole vectors), s positions.

use super::lanes::WIDTH;
use super::matrix::padded;
use super::number::Number;

/// Positions in a page.
pub const PAGE: usize = WIDTH;

/// The pages of one sequence, in order of positions.
pub type Table = Vec<usize>;

/// A pool of pages. A page holds, for each layer and kv head, keys `[d, s]` and then values `[s, dp]`; with bf16, two
/// numbers of a key and the values of two positions are a pair.
#[derive(Debug)]
pub struct Pages<N> {
    pages: Vec<Box<[N]>>,
    users: Vec<u32>,
    free: Vec<usize>,
    kv_heads: usize,
    d: usize,
    dp: usize,
    numbers: usize,
}

impl<N: Number> Pages<N> {
    /// An empty pool.
    pub fn new(layers: usize, kv_heads: usize, d: usize) -> Self {
        let dp = padded(d);
        let mut pages =
            Self { pages: vec![], users: vec![], free: vec![], kv_heads, d, dp, numbers: 0 };
        pages.numbers = pages.at(layers, 0);
        pages
    }

    fn take(&mut self) -> usize {
        let page = self.free.pop().unwrap_or_else(|| {
            self.pages.push(vec![N::default(); self.numbers].into_boxed_slice());
            self.users.push(0);
            self.pages.len() - 1
        });
        self.users[page] = 1;
        page
    }

    /// Makes room in a table for `length` positions.
    pub fn reserve(&mut self, table: &mut Table, length: usize) {
        while table.len() * PAGE < length {
            let page = self.take();
            table.push(page);
        }
    }

    /// A second table of the same first `length` positions: full pages are shared, the last one is copied if it is not
    /// full.
    pub fn share(&mut self, table: &Table, length: usize) -> Table {
        let full = length / PAGE;
        let mut other: Table = table[..full].to_vec();
        for &page in &other {
            self.users[page] += 1;
        }
        if !length.is_multiple_of(PAGE) {
            let copy = self.take();
            let (from, to) = (table[full], copy);
            let source = std::mem::take(&mut self.pages[from]);
            self.pages[to].copy_from_slice(&source);
            self.pages[from] = source;
            other.push(copy);
        }
        other
    }

    /// Gives the pages of a sequence back.
    pub fn release(&mut self, table: Table) {
        for page in table {
            self.users[page] -= 1;
            if self.users[page] == 0 {
                self.free.push(page);
            }
        }
    }

    fn at(&self, layer: usize, head: usize) -> usize {
        (layer * self.kv_heads + head) * (self.keys_len() + self.dp * (PAGE / N::PER))
    }

    /// Numbers of a head's keys in a page.
    fn keys_len(&self) -> usize {
        self.d.div_ceil(N::PER) * PAGE
    }

    /// Keys `[d, s]` of a page.
    #[inline(always)]
    pub fn keys(&self, page: usize, layer: usize, head: usize) -> &[N] {
        &self.pages[page][self.at(layer, head)..][..self.keys_len()]
    }

    /// Values `[s, dp]` of a page.
    #[inline(always)]
    pub fn values(&self, page: usize, layer: usize, head: usize) -> &[N] {
        let at = self.at(layer, head) + self.keys_len();
        &self.pages[page][at..][..self.dp * (PAGE / N::PER)]
    }

    /// Writes key and value `[d]` of one position.
    #[inline(always)]
    pub fn write(
        &mut self,
        table: &[usize],
        position: usize,
        layer: usize,
        head: usize,
        (key, value): (&[f32], &[f32]),
    ) {
        let (at, slot) = (self.at(layer, head), position % PAGE);
        let (keys, dp) = (self.keys_len(), self.dp);
        let page = &mut self.pages[table[position / PAGE]][at..];
        for (place, key) in page[slot..].iter_mut().step_by(PAGE).zip(key.chunks_exact(N::PER)) {
            *place = N::of(key);
        }
        // Positions are written in order: a later one of the same number comes after this.
        for (place, &value) in page[keys + slot / N::PER * dp..].iter_mut().zip(value) {
            place.put(slot % N::PER, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_pages_live_until_the_last_user_leaves() {
        let mut pages = Pages::<f32>::new(2, 1, 4);
        let mut first = Table::new();
        pages.reserve(&mut first, PAGE + 3);
        let key = [1.0, 2.0, 3.0, 4.0];
        pages.write(&first, PAGE + 2, 1, 0, (&key, &key));
        let second = pages.share(&first, PAGE + 3);
        assert_eq!(second[0], first[0]);
        assert_ne!(second[1], first[1]);
        let column: Vec<f32> =
            pages.keys(second[1], 1, 0).iter().skip(2).step_by(PAGE).copied().collect();
        assert_eq!(column, key);
        assert_eq!(pages.values(second[1], 1, 0)[2 * padded(4)..][..4], key);
        // What one writes afterwards the other does not see.
        pages.write(&second, PAGE + 2, 1, 0, (&[9.0; 4], &[9.0; 4]));
        assert_eq!(pages.values(first[1], 1, 0)[2 * padded(4)], 1.0);
        pages.release(first.clone());
        assert_eq!(pages.free, [first[1]]);
        pages.release(second);
        assert_eq!(pages.free.len(), 3);
        let mut third = Table::new();
        pages.reserve(&mut third, 3 * PAGE);
        assert_eq!(pages.pages.len(), 3);
    }
}
