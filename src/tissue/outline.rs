//! Mask → the pixels that tissue borders on: those around it, and those around its holes.
//!
//! Invariant: a border pixel is tissue with something else above, below, left or right of it, beyond the edge of the mask,
//! too. Tissue hangs together over corners, what is not tissue does not. An island in a hole has a border around it of its
//! own.

use crate::geometry::Size;
use crate::raster::Mask;

/// Where tissue ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Border pixels of tissue towards what surrounds it.
    pub outer: Mask,
    /// Border pixels of tissue towards holes in it; a thin wall belongs to both.
    pub holes: Mask,
}

/// Finds the outline of a mask, from the outside in: what surrounds tissue, the tissue, its holes, islands in them.
pub fn outline(mask: &Mask) -> Outline {
    let size = mask.size();
    let mut outline = Outline { outer: Mask::filled(size, false), holes: Mask::filled(size, false) };
    let mut seen = Mask::filled(size, false);
    let (width, height) = (i64::from(size.w), i64::from(size.h));
    // Beyond the edge there is no tissue, so everything on the edge is met from the outside.
    let mut met = Vec::new();
    let ends = |length: i64| if length > 1 { vec![0, length - 1] } else { vec![0; usize::from(length > 0)] };
    let rows = ends(height).into_iter().flat_map(|y| (0..width).map(move |x| (x, y)));
    let columns = ends(width).into_iter().flat_map(|x| (0..height).map(move |y| (x, y)));
    for (x, y) in rows.chain(columns) {
        if mask.get(x, y) {
            set(&mut outline.outer, x, y);
        }
        met.push((x, y));
    }
    while !met.is_empty() {
        let (tissue, gaps): (Vec<_>, Vec<_>) = met.into_iter().partition(|&(x, y)| mask.get(x, y));
        // Gaps before tissue: what they meet that was not seen yet lies inside of them.
        met = flood(mask, &mut seen, gaps, false);
        for &(x, y) in &met {
            set(&mut outline.outer, x, y);
        }
        met.extend(tissue);
        let holes = flood(mask, &mut seen, std::mem::take(&mut met), true);
        for &(x, y) in &holes {
            for (dx, dy) in FOUR {
                // An island beside the same pixel is not met before the next turn.
                if mask.get(x + dx, y + dy) && seen.get(x + dx, y + dy) {
                    set(&mut outline.holes, x + dx, y + dy);
                }
            }
        }
        met = holes;
    }
    outline
}

const FOUR: [(i64, i64); 4] = [(-1, 0), (1, 0), (0, -1), (0, 1)];
const EIGHT: [(i64, i64); 8] = [(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)];

/// Marks everything of one kind that hangs together with some pixels; gives the pixels of the other kind beside it that
/// were not seen before.
fn flood(mask: &Mask, seen: &mut Mask, from: Vec<(i64, i64)>, tissue: bool) -> Vec<(i64, i64)> {
    let inside = |x: i64, y: i64| {
        let Size { w, h } = mask.size();
        (0..i64::from(w)).contains(&x) && (0..i64::from(h)).contains(&y)
    };
    let (mut open, mut beside) = (from, Vec::new());
    open.retain(|&(x, y)| inside(x, y) && mask.get(x, y) == tissue && !seen.get(x, y));
    for &(x, y) in &open {
        set(seen, x, y);
    }
    while let Some((x, y)) = open.pop() {
        for (dx, dy) in if tissue { &EIGHT[..] } else { &FOUR[..] } {
            let (x, y) = (x + dx, y + dy);
            if !inside(x, y) || seen.get(x, y) {
                continue;
            }
            if mask.get(x, y) == tissue {
                set(seen, x, y);
                open.push((x, y));
            } else if dx * dy == 0 {
                beside.push((x, y));
            }
        }
    }
    beside
}

fn set(mask: &mut Mask, x: i64, y: i64) {
    let width = i64::from(mask.size().w);
    if let Some(pixel) = usize::try_from(y * width + x).ok().and_then(|at| mask.as_mut_slice().get_mut(at)) {
        *pixel = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        let size = Size::new(u32::try_from(rows[0].len()).unwrap(), u32::try_from(rows.len()).unwrap());
        Mask::from_vec(size, rows.concat().chars().map(|c| c != '.').collect()).unwrap()
    }

    /// `o` around tissue, `h` around holes, `b` both, `#` tissue within.
    fn drawn(rows: &[&str]) -> Vec<String> {
        let mask = mask(rows);
        let Outline { outer, holes } = outline(&mask);
        let letter = |at: usize| match (mask.as_slice()[at], outer.as_slice()[at], holes.as_slice()[at]) {
            (true, true, true) => 'b',
            (true, true, false) => 'o',
            (true, false, true) => 'h',
            (true, false, false) => '#',
            (false, false, false) => '.',
            _ => '!',
        };
        let width = mask.size().w as usize;
        (0..mask.size().h as usize).map(|y| (0..width).map(|x| letter(y * width + x)).collect()).collect()
    }

    #[test]
    fn holes_and_islands_are_told_from_what_is_around() {
        let expected = [
            "............",
            ".oooooooooo.",
            ".o########o.",
            ".o##hhhh##o.",
            ".o#h....h#o.",
            ".o#h.oo.h#o.",
            ".o#h....h#o.",
            ".o##hhhh##o.",
            ".oooooooooo.",
            "............",
        ];
        assert_eq!(drawn(&expected), expected);
        let thin = ["bbbbb", "b...b", "b.o.b", "b...b", "bbbbb"];
        // Corners of a wall of one pixel touch the hole by a corner only.
        assert_eq!(drawn(&thin), ["obbbo", "b...b", "b.o.b", "b...b", "obbbo"]);
    }

    #[test]
    fn what_touches_the_edge_or_a_corner_only_is_met_too() {
        assert_eq!(drawn(&["####", "####", "####"]), ["oooo", "o##o", "oooo"]);
        assert_eq!(drawn(&["#..", ".#.", "..#"]), ["o..", ".o.", "..o"]);
        assert_eq!(drawn(&["#"]), ["o"]);
        assert_eq!(drawn(&["..", ".."]), ["..", ".."]);
        assert_eq!(outline(&Mask::filled(Size::new(0, 0), true)).outer.count(), 0);
    }
}
