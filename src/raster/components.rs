//! Mask → its connected components: visited, flipped, dropped or filled by size.
//!
//! Invariant: components are visited in the order of their first pixels, row by row. Pixels only, no units.

use super::Mask;

/// Which neighbours belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// The pixels left, right, above and below.
    Four,
    /// Those and the diagonal ones.
    Eight,
}

/// Visits each connected component of pixels that are `value`, as places in the mask's slice; the first place is the
/// topmost one, and of these the leftmost.
pub fn each_component(mask: &Mask, value: bool, connectivity: Connectivity, mut visit: impl FnMut(&[usize])) {
    let (width, height) = (mask.size().w as usize, mask.size().h as usize);
    let pixels = mask.as_slice();
    let mut seen = vec![false; pixels.len()];
    let mut component = Vec::new();
    for start in 0..seen.len() {
        if seen[start] || pixels[start] != value {
            continue;
        }
        component.clear();
        component.push(start);
        seen[start] = true;
        let mut next = 0;
        while let Some(&at) = component.get(next) {
            next += 1;
            let (x, y) = (at % width, at / width);
            for ny in y.saturating_sub(1)..(y + 2).min(height) {
                for nx in x.saturating_sub(1)..(x + 2).min(width) {
                    let neighbour = ny * width + nx;
                    let joined = connectivity == Connectivity::Eight || nx == x || ny == y;
                    if joined && !seen[neighbour] && pixels[neighbour] == value {
                        seen[neighbour] = true;
                        component.push(neighbour);
                    }
                }
            }
        }
        visit(&component);
    }
}

/// Visits each connected component of pixels that are `value`, and flips it when `flip` says so.
pub fn flip_components(
    mask: &mut Mask,
    value: bool,
    connectivity: Connectivity,
    mut flip: impl FnMut(&[usize]) -> bool,
) {
    let mut flipped = Vec::new();
    each_component(mask, value, connectivity, |pixels| {
        if flip(pixels) {
            flipped.extend_from_slice(pixels);
        }
    });
    for at in flipped {
        mask.as_mut_slice()[at] = !value;
    }
}

/// Removes objects of fewer than `min_px` pixels; a diagonal does not connect.
pub fn remove_small_objects(mask: &mut Mask, min_px: u64) {
    flip_components(mask, true, Connectivity::Four, |pixels| (pixels.len() as u64) < min_px);
}

/// Fills holes of fewer than `min_px` pixels, also those at the image's edge; a diagonal does not connect.
pub fn fill_small_holes(mask: &mut Mask, min_px: u64) {
    flip_components(mask, false, Connectivity::Four, |pixels| (pixels.len() as u64) < min_px);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;

    fn mask(rows: &[&str]) -> Mask {
        let size = Size::new(u32::try_from(rows[0].len()).unwrap(), u32::try_from(rows.len()).unwrap());
        Mask::from_vec(size, rows.concat().chars().map(|c| c == '#').collect()).unwrap()
    }

    #[test]
    fn a_diagonal_connects_eight_neighbours_only() {
        let mut two = mask(&["##..", "##..", "..##", "..##"]);
        let mut found = Vec::new();
        flip_components(&mut two, true, Connectivity::Eight, |pixels| {
            found.push(pixels.len());
            false
        });
        assert_eq!(found, [8]);
        remove_small_objects(&mut two, 4);
        assert_eq!(two.count(), 8);
        remove_small_objects(&mut two, 5);
        assert_eq!(two.count(), 0);
    }

    #[test]
    fn holes_are_filled_below_the_size_only() {
        let ring = mask(&["####", "#..#", "####"]);
        let (mut kept, mut filled) = (ring.clone(), ring);
        fill_small_holes(&mut kept, 2);
        fill_small_holes(&mut filled, 3);
        assert_eq!((kept.count(), filled.count()), (10, 12));
    }
}
