//! The plan becomes `patches/ID.h5` as WSInfer 0.6 and CLAM have it: dataset `coords`, N x 2 of `i64`, compressed.
//!
//! Coordinates are the top-left corners of tiles in level-0 pixels, x then y, in the order of the table; lost tiles are
//! among them. Attributes of `coords`: `patch_size` (side in level-0 pixels), `patch_level` (0, the level of these
//! numbers) and `patch_spacing_um_px` (what was asked for, which the rounded side is only near to). A slide without tiles
//! has no such file, and none is left of an earlier run.

use super::SlideOutputs;
use crate::draft::draft_in;
use rust_hdf5::{H5File, Hdf5Error};
use std::fs::File;
use std::io::{self, Write};

/// Rows that are compressed together: 128 kB.
const CHUNK_ROWS: usize = 8192;
/// h5py's, which WSInfer leaves as it is.
const COMPRESSION: u32 = 4;

/// Whether there is anything to write.
pub(super) fn has_tiles(outputs: &SlideOutputs<'_>) -> bool {
    !outputs.plan.is_empty()
}

/// Writes the file.
pub(super) fn write(outputs: &SlideOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    write_hdf5(outputs, out, |file| put_coords(file, outputs, &outputs.plan.origins_l0))
}

/// Writes an HDF5 file. It needs to seek, so it comes to be in a file of its own first.
pub(super) fn write_hdf5(
    outputs: &SlideOutputs<'_>,
    out: &mut dyn Write,
    fill: impl FnOnce(&H5File) -> Result<(), Hdf5Error>,
) -> io::Result<()> {
    let draft = draft_in(outputs.drafts)?.into_temp_path();
    let filled = H5File::create(&draft).and_then(|file| {
        fill(&file)?;
        // Its bytes are only passed on, and synced where they end up.
        file.close_no_sync()
    });
    filled.map_err(|error| match error {
        Hdf5Error::Io(error) => error,
        other => io::Error::other(other.to_string()),
    })?;
    io::copy(&mut File::open(&draft)?, out)?;
    Ok(())
}

/// Writes the dataset `coords` with its attributes.
pub(super) fn put_coords(
    file: &H5File,
    outputs: &SlideOutputs<'_>,
    origins_l0: &[(i64, i64)],
) -> Result<(), Hdf5Error> {
    let plan = outputs.plan;
    let coords = file
        .new_dataset::<i64>()
        .shape([origins_l0.len(), 2])
        .chunk(&[origins_l0.len().clamp(1, CHUNK_ROWS), 2])
        .deflate(COMPRESSION)
        .create("coords")?;
    let flat: Vec<i64> = origins_l0.iter().flat_map(|&(x, y)| [x, y]).collect();
    coords.write_raw(&flat)?;
    coords.new_attr::<i64>().shape(()).create("patch_size")?.write_numeric(&i64::from(plan.side_l0))?;
    coords.new_attr::<i64>().shape(()).create("patch_level")?.write_numeric(&0_i64)?;
    coords.new_attr::<f64>().shape(()).create("patch_spacing_um_px")?.write_numeric(&outputs.spacing.get())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    fn written(outputs: &SlideOutputs<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(outputs, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_is_written_reads_back_the_same_at_any_length() {
        let mut example = example(&["a"], &[Some(&[0.5])]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        for tiles in [1, 2, CHUNK_ROWS - 1, CHUNK_ROWS, CHUNK_ROWS + 1, 3 * CHUNK_ROWS + 5] {
            let corners = (0..tiles).map(|tile| i64::try_from(tile).unwrap()).map(|tile| (tile * 7 - 3, tile % 100));
            example.plan.origins_l0 = corners.collect();
            let bytes = written(&example.outputs());
            std::fs::write(&path, &bytes).unwrap();
            let file = H5File::open(&path).unwrap();
            let coords = file.dataset("coords").unwrap();
            assert_eq!(coords.shape(), [tiles, 2]);
            let flat: Vec<i64> = example.plan.origins_l0.iter().flat_map(|&(x, y)| [x, y]).collect();
            assert_eq!(coords.read_raw::<i64>().unwrap(), flat);
            let whole = |name: &str| coords.attr(name).unwrap().read_numeric::<i64>().unwrap();
            assert_eq!((whole("patch_size"), whole("patch_level")), (256, 0));
            let spacing: f64 = coords.attr("patch_spacing_um_px").unwrap().read_numeric().unwrap();
            assert_eq!(spacing.to_bits(), 0.5_f64.to_bits());
            assert_eq!(coords.attr_names().unwrap().len(), 3);
            drop(file);
            assert_eq!(written(&example.outputs()), bytes, "two runs make the same file");
        }
    }
}
