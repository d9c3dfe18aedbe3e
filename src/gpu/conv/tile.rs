//! What a cube makes of a convolution: the tiles that are tried.

use super::Tile;

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// By what was fastest on the device the first time it met such a convolution.
    Tuned,
    /// By burn's own convolution, which is tuned itself, and one pass for all that follows.
    Burn,
    /// By our kernel in tiles of this size.
    Tile(Tile),
}

/// The tiles that are tried, by name. Larger ones read memory less often, smaller ones keep more of the device busy.
pub const TILES: [(&str, Tile); 4] = [
    ("128x128", Tile { pixels: 128, channels: 128, depth: 8, per_unit: [8, 8] }),
    ("128x64", Tile { pixels: 128, channels: 64, depth: 16, per_unit: [8, 4] }),
    ("64x64", Tile { pixels: 64, channels: 64, depth: 16, per_unit: [8, 4] }),
    ("32x32", Tile { pixels: 32, channels: 32, depth: 16, per_unit: [4, 4] }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_what_the_kernel_takes() {
        for (name, tile) in TILES {
            let [pixels, channels] = tile.per_unit;
            let sizes = [tile.pixels, tile.channels, tile.depth, pixels, channels, tile.units()];
            assert!(sizes.iter().all(|size| size.is_power_of_two()) && channels >= 4 && tile.depth >= 8, "{name}");
            // Each unit loads whole quads, as many as any other.
            let rows_at_once = tile.units() / (tile.depth / 4);
            assert!(rows_at_once <= tile.pixels && rows_at_once <= tile.channels, "{name}");
            // What every Vulkan device has, and WebGPU promises.
            assert!(tile.shared_bytes() <= 16 << 10 && tile.units() <= 256, "{name}");
        }
    }
}
