//! Plan and predictions become `predictions/ID.h5`, from which every map, table and figure can be made again.
//!
//! Datasets, row by row of the same tile, in the order of the plan: `coords`, N x 2 of `i64`, as in `patches/ID.h5`, and
//! `predictions`, N x K of `f32`, bit for bit as the network gave them; a lost tile is a row of NaN. Attributes of
//! `predictions` are `schema`, the version of the layout, and JSON texts: `meaning`, `class_names` and `units`. Attributes of
//! the file: `model`, `note` and `plan`, a JSON text with the rest of the plan. Where the model can tell, `unlike_training`,
//! N x 1 of `f32`, is how far each tile is from the training tiles, with the attribute `threshold`. A slide without tissue has a file without rows. `stored.rs` reads it back.

use super::SlideOutputs;
use super::features_h5::put_rows;
use super::patches_h5::{put_coords, write_hdf5};
use super::{RESEARCH_USE, stored};
use crate::map::finite_scores;
use crate::tile::Unfamiliarity;
use rust_hdf5::{H5File, Hdf5Error, VarLenUnicode};
use serde::Serialize;
use std::io::{self, Write};

/// Writes the file.
pub(super) fn write(outputs: &SlideOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let SlideOutputs { plan, predictions, .. } = outputs;
    let lost = vec![f32::NAN; predictions.class_names.len()];
    let rows: Vec<&[f32]> = predictions.rows.iter().map(|row| finite_scores(row.as_deref()).unwrap_or(&lost)).collect();
    let facts = stored::PlanFacts::of(plan);
    write_hdf5(outputs, out, |file| {
        file.set_attr_string("model", outputs.model)?;
        file.set_attr_string("note", RESEARCH_USE)?;
        file.set_attr_string("plan", &json(&facts)?)?;
        put_coords(file, outputs, &plan.origins_l0)?;
        let dataset = put_rows(file, "predictions", &rows, lost.len())?;
        dataset.new_attr::<i64>().shape(()).create("schema")?.write_numeric(&stored::SCHEMA)?;
        let units: Vec<Option<&str>> = (0..lost.len()).map(|column| predictions.meaning.unit(column)).collect();
        let texts = [
            ("meaning", json(predictions.meaning.name())?),
            ("class_names", json(&predictions.class_names)?),
            ("units", json(&units)?),
        ];
        for (name, text) in texts {
            dataset.new_attr::<VarLenUnicode>().shape(()).create(name)?.write_string(&text)?;
        }
        predictions.unfamiliarity.as_ref().map_or(Ok(()), |found| put_distances(file, found))
    })
}

/// Writes how far each tile is from the training tiles.
fn put_distances(file: &H5File, found: &Unfamiliarity) -> Result<(), Hdf5Error> {
    let column: Vec<[f32; 1]> = found.distances.iter().map(|distance| [distance.unwrap_or(f32::NAN)]).collect();
    let rows: Vec<&[f32]> = column.iter().map(<[f32; 1]>::as_slice).collect();
    let dataset = put_rows(file, stored::DISTANCES, &rows, 1)?;
    dataset.new_attr::<f32>().shape(()).create("threshold")?.write_numeric(&found.threshold)
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Hdf5Error> {
    serde_json::to_string(value).map_err(|error| Hdf5Error::Io(error.into()))
}

#[cfg(test)]
mod tests {
    use super::super::stored::read_predictions;
    use super::super::tests::{Example, example, example_of};
    use super::*;
    use crate::tile::Meaning;

    fn written(example: &Example) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&example.outputs(), &mut bytes).unwrap();
        bytes
    }

    /// Holds what is read back against what was written, to the bit.
    fn assert_round_trip(example: &Example) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let bytes = written(example);
        std::fs::write(&path, &bytes).unwrap();
        let stored = read_predictions(&path).unwrap();
        assert_eq!(stored.plan, example.plan);
        assert_eq!(stored.model, "model");
        assert_eq!(stored.predictions.meaning, example.predictions.meaning);
        assert_eq!(stored.predictions.class_names, example.predictions.class_names);
        assert_eq!(stored.predictions.unfamiliarity, example.predictions.unfamiliarity);
        let bits = |rows: &[Option<Vec<f32>>]| -> Vec<Option<Vec<u32>>> {
            let finite = rows.iter().map(|row| finite_scores(row.as_deref()));
            finite.map(|row| row.map(|row| row.iter().map(|score| score.to_bits()).collect())).collect()
        };
        assert_eq!(bits(&stored.predictions.rows), bits(&example.predictions.rows));
        assert_eq!(written(example), bytes, "two runs make the same file");
    }

    #[test]
    fn what_is_written_reads_back_to_the_bit() {
        let rows = [Some(&[0.1_f32, 1e-45, -0.0][..]), None, Some(&[f32::MIN_POSITIVE, 0.952_596_55, f32::MAX])];
        assert_round_trip(&example(&["Tumor", "größer", "a\"b\n"], &rows));
        assert_round_trip(&example(&["one"], &[Some(&[0.5]), Some(&[f32::NAN]), Some(&[f32::INFINITY])]));
        assert_round_trip(&example(&["a", "b"], &[]));
        let mut judged = example(&["a", "b"], &[Some(&[0.25, 0.75]), None, Some(&[1.0, 0.0])]);
        let distances = vec![Some(0.1), None, Some(7e8)];
        judged.predictions.unfamiliarity = Some(Unfamiliarity { distances, threshold: 1500.25 });
        assert_round_trip(&judged);
        let units = vec![Some("cells/mm²".to_owned()), None];
        assert_round_trip(&example_of(Meaning::Estimates(units), &["Ki67", "n"], &[None, Some(&[-3.5, 1e30])]));
    }

    #[test]
    fn large_slides_and_long_lists_of_classes_read_back() {
        let names: Vec<String> = (0..3000).map(|class| format!("a rather long name of the class {class}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let row: Vec<f32> = (0..3000).map(|class| class as f32 / 3000.0).collect();
        let mut large = example(&names, &[Some(&row), None, Some(&row)]);
        assert_round_trip(&large);
        let tiles = 20_011;
        large = example(&["a", "b"], &[]);
        large.plan.origins_l0 = (0..tiles).map(|tile| (tile / 100 * 7 - 60, tile % 100 * 7)).collect();
        let rows = (0..tiles).map(|tile| (tile % 13 != 0).then(|| vec![tile as f32 / 3.0, 1.0 / tile as f32]));
        large.predictions.rows = rows.collect();
        assert_round_trip(&large);
    }
}
