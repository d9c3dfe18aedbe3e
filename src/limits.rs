//! What a file may ask for before anything is allocated. The figures hold for every real scanner known to us with
//! room to spare; a file beyond them is damaged or hostile.

/// Sides of one compressed chunk, in pixels.
pub const MAX_CHUNK_SIDE_PX: u32 = 8192;
/// Sides of one level, in pixels.
pub const MAX_LEVEL_SIDE_PX: u32 = 1 << 24;
/// Bytes of one compressed chunk in the file beyond those for its pixels: room for tables and application data.
pub const MAX_CHUNK_HEAD_BYTES: u64 = 1 << 20;
/// Bytes of one compressed chunk in the file for each of its pixels: raw RGB has 3, and noise at the highest quality
/// grows a little over that.
pub const MAX_CHUNK_BYTES_PER_PX: u64 = 8;
/// Bytes of one TIFF tag's value: a level of 4 million chunks has a table of 32 MiB.
pub const MAX_TAG_BYTES: usize = 64 << 20;
/// Bytes that the tags of all directories of one TIFF take in memory: three times the tables of a level of 4 million
/// chunks and of those below it.
pub const MAX_TAGS_BYTES: u64 = 256 << 20;
/// Directories in one TIFF.
pub const MAX_DIRECTORIES: usize = 256;
/// Pixels of one region read at once.
pub const MAX_REGION_PX: u64 = 1 << 28;
/// Side of a model's input, in pixels.
pub const MAX_TILE_SIDE_PX: u32 = 4096;
/// Bytes of a weights file: the largest pathology encoders have 1.1 thousand million numbers of four bytes.
pub const MAX_WEIGHTS_BYTES: u64 = 8 << 30;
/// Tiles of one slide in a file of stored predictions: 33 million of 50 um cover 29 cm by 29 cm.
pub const MAX_STORED_TILES: usize = 1 << 25;
/// Scores of one slide in a file of stored predictions, 4 GiB of them.
pub const MAX_STORED_SCORES: usize = 1 << 30;
/// Bytes of what a bundle says of its training tiles: a thousand directions of eight thousand numbers.
pub const MAX_FAMILIARITY_BYTES: u64 = 32 << 20;
