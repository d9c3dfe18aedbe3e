//! Features become `features/ID.h5` as CLAM and TRIDENT lay them out: `features`, N x D of `f32`, and `coords`, N x 2.
//!
//! Row by row both speak of the same tile, in the order of the plan. Lost tiles are left out of both, because programs that
//! learn from such a file take every row for a tile; the record counts them. `coords` is that of `patches/ID.h5`.

use super::SlideOutputs;
use super::patches_h5::{put_coords, write_hdf5};
use crate::map::finite_scores;
use rust_hdf5::{H5Dataset, H5File, Hdf5Error};
use std::io::{self, Write};

/// Numbers that are stored together: 1 MB.
const CHUNK_NUMBERS: usize = 1 << 18;

/// Whether there is anything to write.
pub(super) fn has_features(outputs: &SlideOutputs<'_>) -> bool {
    outputs.predictions.scored() > 0
}

/// Writes the file.
pub(super) fn write(outputs: &SlideOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let tiles = outputs.plan.origins_l0.iter().zip(&outputs.predictions.rows);
    let (origins, rows): (Vec<(i64, i64)>, Vec<&[f32]>) =
        tiles.filter_map(|(&origin, row)| Some((origin, finite_scores(row.as_deref())?))).unzip();
    let length = rows.first().map_or(0, |row| row.len());
    write_hdf5(outputs, out, |file| {
        put_rows(file, "features", &rows, length)?;
        put_coords(file, outputs, &origins)
    })
}

/// Writes a dataset of rows of one length. Not compressed: numbers of networks hardly shrink, and are read often.
pub(super) fn put_rows(file: &H5File, name: &str, rows: &[&[f32]], length: usize) -> Result<H5Dataset, Hdf5Error> {
    let rows_a_chunk = (CHUNK_NUMBERS / length.max(1)).clamp(1, rows.len().max(1));
    let shape = [rows.len(), length];
    let dataset = file.new_dataset::<f32>().shape(shape).chunk(&[rows_a_chunk, length.max(1)]).create(name)?;
    for (chunk, at) in rows.chunks(rows_a_chunk).zip((0..).step_by(rows_a_chunk)) {
        dataset.write_slice(&[at, 0], &[chunk.len(), length], &chunk.concat())?;
    }
    Ok(dataset)
}

#[cfg(test)]
mod tests {
    use super::super::tests::example_of;
    use super::*;
    use crate::tile::Meaning;

    #[test]
    fn rows_and_places_of_tiles_that_are_not_lost_read_back() {
        let rows = [Some(&[1.0_f32, -2.5, 3.0][..]), None, Some(&[0.0, 1e-9, 7.0])];
        let mut example = example_of(Meaning::Classes, &["a", "b", "c"], &rows);
        example.predictions.meaning = Meaning::Features;
        assert!(has_features(&example.outputs()));
        let mut bytes = Vec::new();
        write(&example.outputs(), &mut bytes).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        std::fs::write(&path, &bytes).unwrap();
        let file = H5File::open(&path).unwrap();
        let features = file.dataset("features").unwrap();
        assert_eq!(features.shape(), [2, 3]);
        assert_eq!(features.read_raw::<f32>().unwrap(), [1.0, -2.5, 3.0, 0.0, 1e-9, 7.0]);
        assert_eq!(file.dataset("coords").unwrap().read_raw::<i64>().unwrap(), [0, 0, 256, 256]);
    }

    #[test]
    fn rows_of_several_chunks_read_back() {
        let mut example = example_of(Meaning::Classes, &["a"], &[Some(&[0.0][..]), Some(&[0.0]), Some(&[0.0])]);
        example.predictions.meaning = Meaning::Features;
        // Two rows a chunk, so that the last chunk is half full.
        for (row, start) in example.predictions.rows.iter_mut().zip([1.0_f32, 2.0, 3.0]) {
            *row = Some((0..CHUNK_NUMBERS / 2).map(|at| start + at as f32 / 1e6).collect());
        }
        let mut bytes = Vec::new();
        write(&example.outputs(), &mut bytes).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        std::fs::write(&path, &bytes).unwrap();
        let found = H5File::open(&path).unwrap().dataset("features").unwrap().read_raw::<f32>().unwrap();
        let expected: Vec<f32> = example.predictions.rows.iter().flatten().flatten().copied().collect();
        assert_eq!(found, expected);
        assert_eq!(std::fs::read_dir(example.drafts.path()).unwrap().count(), 0, "no draft is left");
    }
}
